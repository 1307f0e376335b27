package lab

import (
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/swim"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/wire"
)

// Pure is SWIM as its paper computes it: nothing beyond the published protocol,
// and, in step, synchronous rounds. What is measured here must be what theory.go
// says.
type Pure struct {
	Seed    uint64
	Members int
	// Helpers is K.
	Helpers int
	Loss    float64
	// Delay is how long a datagram takes; default a thousandth of a period.
	Delay time.Duration
	// RoundRobin goes round as §4.3 instead of drawing targets as §3.1.
	RoundRobin bool
	// Progress, if set, hears now and then how much of the whole is done.
	Progress func(share float64)
}

func (p Pure) lab(inStep bool) *Lab {
	t := swim.Standard()
	t.Helpers, t.RandomTargets, t.InStep, t.Memoryless = p.Helpers, !p.RoundRobin, inStep, !inStep
	return New(Options{
		Seed: p.Seed, Members: p.Members, Detector: t.New, Without: detect.AllExtras,
		Network: Network{Loss: p.Loss, Delay: p.Delay},
	})
}

func (p Pure) progress(done, all int) {
	if p.Progress != nil {
		p.Progress(float64(done) / float64(all))
	}
}

// period is T in these experiments, whose results count in periods.
const period = time.Second

// Detections silences one random member after another, each from the beginning
// of a round until somebody's probe of it fails, and gives the times in periods.
// Nobody's table ever learns of it, so that all trials are alike.
func (p Pure) Detections(trials int) *Sample {
	l := p.lab(true)
	found := &Sample{}
	victim, from := -1, core.Instant(0)
	l.OnClaim = func(at int, e *member.Evidence) bool {
		// The victim before may have probed this one while it was silent itself;
		// that probe fails when the first round begins.
		if Place(e.ID) == victim && at != victim && l.now > from {
			found.Add(float64(l.now-from) / float64(period))
			muted := victim
			victim = -1
			l.After(period/2, func() { l.hosts[muted].muted = false })
		}
		return false
	}
	l.Run(2*period - l.delay())
	for trial := range trials {
		next := (l.now - begin).Add(period) / core.Instant(period) * core.Instant(period)
		from = begin + next
		l.Run(from.Sub(l.now) - time.Millisecond/4)
		victim = l.rand.IntN(p.Members)
		l.hosts[victim].muted = true
		for victim >= 0 {
			l.Run(period)
		}
		if trial%64 == 0 {
			p.progress(trial, trials)
		}
	}
	return found
}

// Mistakes lets everybody live under the network's loss, for at least so many
// probes, and counts those that fail. If that leaves too few to say the rate
// within 5 %, it goes on with weighed ones.
func (p Pure) Mistakes(probes int) Rate {
	if p.Loss == 0 {
		return poissonRate(0, probes)
	}
	if MistakeTheory(p.Loss, p.Helpers)*float64(probes) < 1600 {
		return p.weighedMistakes(probes)
	}
	l := p.lab(true)
	count := 0
	l.OnClaim = func(int, *member.Evidence) bool { count++; return false }
	l.Run(period / 2)
	rounds := (probes + p.Members - 1) / p.Members
	for r := range rounds {
		l.Run(period)
		p.progress(r, rounds)
	}
	return poissonRate(count, (rounds-1)*p.Members)
}

// bias is how often a datagram of a weighed probe is lost: often enough that
// every second chain breaks, so that all ways to fail are seen.
const bias = 0.35

func (p Pure) weighedMistakes(probes int) Rate {
	l := p.lab(true)
	l.weigh = newWeigher(p.Members, p.Loss, max(bias, p.Loss))
	count, sum, squares := 0, 0., 0.
	l.OnClaim = func(at int, _ *member.Evidence) bool {
		w := l.weigh.probes[at].factor
		count, sum, squares = count+1, sum+w, squares+w*w
		return false
	}
	l.Run(period / 2)
	rounds := (probes + p.Members - 1) / p.Members
	for r := range rounds {
		l.Run(period)
		p.progress(r, rounds)
	}
	return weighedRate(count, (rounds-1)*p.Members, sum, squares)
}

// Spreads lets news of several members ride, again and again, and gives the
// times in periods until each of Shares has heard. Members probe at exponentially
// distributed times, as the curve assumes, and the network loses nothing.
func (p Pure) Spreads(trials int) *Curve {
	p.Loss = 0
	l := p.lab(false)
	l.Run(40 * period) // until they have told of themselves
	curve := newCurve()
	atOnce := min(20, p.Members/4+1)
	for done := 0; done < trials; done += atOnce {
		var waves []*wave
		for _, i := range l.rand.Perm(p.Members)[:min(atOnce, trials-done)] {
			waves = append(waves, l.tellOf(i))
		}
		for len(waves) > 0 {
			l.Run(period / 50)
			kept := waves[:0]
			for _, w := range waves {
				if !w.look(l) {
					kept = append(kept, w)
					continue
				}
				for _, share := range Shares() {
					curve.at(share).Add(w.at(share))
				}
			}
			waves = kept
		}
		l.Run(period * time.Duration(l.rand.IntN(1000)) / 1000) // at another phase the next time
		p.progress(done, trials)
	}
	return curve
}

// wave is one piece of news on its way: that a member has refuted something.
type wave struct {
	of          core.NodeID
	incarnation core.Incarnation
	begun       core.Instant
	waiting     []int32 // who has not heard
	members     int
	heard       []float64 // when they did, in periods
}

// tellOf accuses a member to its face, which it refutes: that is the news.
func (l *Lab) tellOf(i int) *wave {
	own := l.Table(i).Self()
	l.packet = wire.Packet{Kind: wire.KindBulletin, Cluster: tagOf(), From: ID((i + 1) % len(l.hosts)), Instance: 1,
		News: []wire.News{{ID: own.ID, Status: core.Suspect, Instance: own.Instance, Incarnation: own.Incarnation,
			Accuser: ID((i + 1) % len(l.hosts)), Why: wire.ReasonSilent}}}
	l.step(i, membership.Packet{From: addrOf((i + 1) % len(l.hosts)), P: &l.packet})
	w := &wave{of: own.ID, incarnation: own.Incarnation + 1, begun: l.now, members: len(l.hosts), heard: []float64{0}}
	for at := range l.hosts {
		if at != i {
			w.waiting = append(w.waiting, int32(at))
		}
	}
	return w
}

// look sees who has heard by now; true when all have, or the news is lost.
func (w *wave) look(l *Lab) bool {
	since := float64(l.now.Sub(w.begun)) / float64(period)
	kept := w.waiting[:0]
	for _, at := range w.waiting {
		if r, _ := l.Table(int(at)).Get(w.of); r.Incarnation >= w.incarnation {
			w.heard = append(w.heard, since)
		} else {
			kept = append(kept, at)
		}
	}
	w.waiting = kept
	if since > 100 {
		for range w.waiting {
			w.heard = append(w.heard, since)
		}
		return true
	}
	return len(kept) == 0
}

// at is when a share of all had heard.
func (w *wave) at(share float64) float64 {
	return w.heard[max(0, min(len(w.heard), int(share*float64(w.members)+0.5))-1)]
}
