package lab

import "hb/core/wire"

// weigher makes rare mistakes frequent, and weighs them accordingly (importance
// sampling). A probe that fails although everybody lives needs many losses: at
// K = 3 and 1 % of loss, one probe in 800,000. So packets of a probe are lost
// with a greater probability b instead of p, and the probe gets the weight p/b
// for each that was lost and (1−p)/(1−b) for each that was not. The mean weight
// of the probes that failed, counting the others as 0, is then the probability
// that we are after, exactly and with any b.
//
// Which packets belong to a probe follows from cause and effect: the ping that a
// member sends when its period begins starts the probe, its ping-reqs belong to
// it, and so does whatever is sent in answer to a packet that belongs to it.
type weigher struct {
	loss, biased float64
	probes       []weight // of each member the one under way
	// owner and epoch are of the packet that is being handled; owner −1: none.
	owner int32
	epoch uint32
}

// weight is the weight of a member's probe.
type weight struct {
	epoch  uint32
	factor float64
}

func newWeigher(members int, loss, biased float64) *weigher {
	return &weigher{loss: loss, biased: biased, probes: make([]weight, members), owner: -1}
}

// passes says whether a datagram arrives, and marks it as its probe's.
func (w *weigher) passes(l *Lab, from int, e *event) bool {
	e.owner, e.epoch = w.owner, w.epoch
	if w.owner < 0 { // not in answer to anything: by the clock
		p := &w.probes[from]
		if wire.Kind(e.data[3]) == wire.KindPing {
			*p = weight{epoch: p.epoch + 1, factor: 1}
		}
		e.owner, e.epoch = int32(from), p.epoch
	}
	p := &w.probes[e.owner]
	if p.epoch != e.epoch {
		return l.rand.Float64() >= w.loss // of a probe that is over
	}
	if l.rand.Float64() < w.biased {
		p.factor *= w.loss / w.biased
		return false
	}
	p.factor *= (1 - w.loss) / (1 - w.biased)
	return true
}

// during says which packet is being handled, until it is over.
func (w *weigher) during(e *event) { w.owner, w.epoch = e.owner, e.epoch }

func (w *weigher) over() { w.owner = -1 }
