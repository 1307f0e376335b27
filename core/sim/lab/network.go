package lab

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core/member"
	"hb/core/membership"
	"hb/core/wire"
)

// send puts a datagram on the network.
func (l *Lab) send(from, to int, data []byte) {
	h := &l.hosts[from]
	if h.stall.blocked && h.stall.hold(func() { l.send(from, to, data) }) {
		return
	}
	h.traffic.Sent++
	h.traffic.SentBytes += uint64(len(data))
	if to >= len(l.hosts) || h.muted {
		return
	}
	e := event{kind: packet, host: int32(to), from: int32(from), data: data}
	if l.weigh != nil {
		if !l.weigh.passes(l, from, &e) {
			return
		}
	} else if loss := l.lossBetween(from, to); loss > 0 && l.rand.Float64() < loss {
		return
	}
	e.at = l.now.Add(l.delay())
	l.queue.add(e)
}

// cast sends one datagram to everybody, for each of whom the network may lose it.
func (l *Lab) cast(from int, data []byte) {
	h := &l.hosts[from]
	if h.stall.blocked && h.stall.hold(func() { l.cast(from, data) }) {
		return
	}
	h.traffic.Sent++
	h.traffic.SentBytes += uint64(len(data))
	for to := range l.hosts {
		if to == from || h.muted || l.rand.Float64() < l.lossBetween(from, to) {
			continue
		}
		l.queue.add(event{at: l.now.Add(l.delay()), kind: packet, host: int32(to), from: int32(from), data: data, cast: true})
	}
}

func (l *Lab) lossBetween(from, to int) float64 {
	if l.Loss != nil {
		return l.Loss(from, to)
	}
	return l.options.Network.Loss
}

func (l *Lab) delay() time.Duration {
	mean := l.options.Network.Delay
	return mean/2 + time.Duration(l.rand.Int64N(int64(mean)+1))
}

// arrive delivers a datagram.
func (l *Lab) arrive(e *event) {
	h := &l.hosts[e.host]
	if h.muted {
		return
	}
	if !h.up {
		if l.options.Network.Refuse && l.now >= h.gone {
			l.refuse(int(e.from), int(e.host), l.delay())
		}
		return
	}
	h.traffic.Got++
	h.traffic.GotBytes += uint64(len(e.data))
	if h.stall.queue(e) {
		return
	}
	l.deliver(e)
}

// deliver lets a machine read a datagram.
func (l *Lab) deliver(e *event) {
	if err := wire.DecodePacket(&l.packet, e.data); err != nil {
		panic("lab: a machine sent what no machine can read: " + err.Error())
	}
	if l.weigh != nil {
		l.weigh.during(e)
		defer l.weigh.over()
	}
	l.step(int(e.host), membership.Packet{From: addrOf(int(e.from)), P: &l.packet, Cast: e.cast})
}

// streamed counts what a member sends over a stream. Rows are about as long as each
// other, and not measured one by one.
func (l *Lab) streamed(from int, m *wire.Rows) {
	t := &l.hosts[from].traffic
	t.Streams++
	size := proto.Size(&wire.Rows{Digest: m.Digest, Parts: m.Parts, Of: m.Of})
	if n := len(m.Rows); n > 0 {
		size += n * proto.Size(&wire.Rows{Rows: m.Rows[n/2 : n/2+1]})
	}
	t.StreamBytes += uint64(size)
}

const (
	streamTries = 5
	streamWait  = 200 * time.Millisecond // before the first repetition; then twice as long
)

// sendRows sends a table over a stream: in order, repeated where the network
// loses it, and given up after a few seconds.
func (l *Lab) sendRows(from, to int, e membership.SendRows) {
	if s := &l.hosts[from].stall; s.blocked && s.hold(func() { l.sendRows(from, to, e) }) {
		return
	}
	rows := e.Wire()
	l.streamed(from, rows)
	if to >= len(l.hosts) {
		return
	}
	there, back := l.lossBetween(from, to), l.lossBetween(to, from)
	took := 2 * l.delay()
	for try := range streamTries {
		if l.rand.Float64() >= there && l.rand.Float64() >= back {
			l.queue.add(event{at: l.now.Add(took), kind: stream, host: int32(to), from: int32(from), what: membership.RowsFrom(ID(from), addrOf(from), rows)})
			return
		}
		took += streamWait << try
	}
}

// refuse tells a member after a while that nobody listens at another.
func (l *Lab) refuse(to, at int, after time.Duration) {
	l.queue.add(event{at: l.now.Add(after), kind: refusal, host: int32(to), from: int32(at)})
}

// hangUp tells those that had streams with a killed process (core/node, ward.go)
// once the system has ended it: the stream ends, and the next one, which they open
// at once, is refused.
func (l *Lab) hangUp(i int) {
	l.hosts[i].gone = l.now.Add(l.options.Network.Exit)
	var others []int
	for other := range l.hosts {
		if other != i && l.hosts[other].up {
			others = append(others, other)
		}
	}
	behind := func(j int) uint64 { return member.Place(ID(j)) - member.Place(ID(i)) }
	slices.SortFunc(others, func(a, b int) int { return cmp.Compare(behind(a), behind(b)) })
	for _, other := range others[:min(l.options.Network.Streams, len(others))] {
		end := l.options.Network.Exit + l.delay()
		l.refuse(other, i, end)
		l.refuse(other, i, end+l.delay()+l.delay())
	}
}
