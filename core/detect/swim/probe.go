package swim

import (
	"slices"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/relay"
	"hb/core/member"
	"hb/core/wire"
)

// probe is one question to one member, from the ping to the verdict.
//
// If the ack is lost: at ask the member is pinged again; a quarter of the probe's
// time later also through helpers, each of which forwards its ack or else sends
// a nack; and again with other helpers as long as there is time. At end, without
// any ack, the probe has failed. A crash is found no later for all that, since a
// probe lasts a period anyway; but where the network loses packets, that many
// more must be lost before a living member is suspected. Without Persistence,
// helpers are asked at once, and that is all, as in SWIM §3.1.
type probe struct {
	target member.Row // as it was when the probe began
	nonce  uint64     // in the ping, the ping-reqs and every answer
	sent   core.Instant
	ask    core.Instant // when the target is asked again
	asked  int          // how often it was
	end    core.Instant
	// owing are the helpers that have answered nothing yet.
	owing []core.NodeID
	// tainted says that the time to the ack is no round trip: it was asked
	// twice, or this process stood still meanwhile.
	tainted bool
	// prompted says that it was somebody's wish, and not this member's turn.
	prompted bool
	// refusals counts how often the target's host refused.
	refusals int
}

// probe begins to probe a member.
func (s *swim) probe(now core.Instant, row member.Row) *probe {
	length := s.health.scale(s.period)
	direct := s.health.scale(s.directTimeout(row.ID))
	p := &probe{
		target: row, nonce: relay.Nonce(s.rand), sent: now,
		ask: now.Add(direct), end: now.Add(length),
	}
	s.probes = append(s.probes, p)
	s.ping(p)
	return p
}

// directTimeout is how long to wait for a member's own ack: as its round trips
// suggest, or those of all as long as none of its own was measured.
func (s *swim) directTimeout(id core.NodeID) time.Duration {
	most := time.Duration(s.tuning.Direct * float64(s.period))
	if s.without.Has(detect.AdaptedTimeout) {
		return most
	}
	if p := s.peer(id); p.rtt.mean != 0 {
		return p.rtt.timeout(most)
	}
	return s.typical.timeout(most)
}

func (s *swim) ping(p *probe) {
	s.send(p.target.ID, p.target.Addr, wire.Packet{Kind: wire.KindPing, Nonce: p.nonce, Target: p.target.ID})
}

// acked ends the probe that an ack answers, be it the target's own or one that
// a helper forwards.
func (s *swim) acked(now core.Instant, ack *wire.Packet) {
	for i, p := range s.probes {
		direct := ack.From == p.target.ID && ack.Target == 0
		forwarded := ack.Target == p.target.ID
		if ack.Nonce != p.nonce || !direct && !forwarded {
			continue
		}
		if direct && !p.tainted {
			s.peer(ack.From).rtt.sample(now.Sub(p.sent))
			s.typical.sample(now.Sub(p.sent))
		}
		if forwarded {
			s.hear(now, ack.Target)
		}
		s.faster()
		s.probes = slices.Delete(s.probes, i, i+1)
		return
	}
}

// nacked notes that a helper is well although the target did not answer it.
func (s *swim) nacked(nack *wire.Packet) {
	for _, p := range s.probes {
		if p.nonce == nack.Nonce {
			p.owing = slices.DeleteFunc(p.owing, func(id core.NodeID) bool { return id == nack.From })
		}
	}
}

// endProbes goes on with the probes that got no ack in time, and fails those
// that got none at all.
func (s *swim) endProbes(now core.Instant) {
	var failed []*probe
	s.probes = slices.DeleteFunc(s.probes, func(p *probe) bool {
		if now >= p.end {
			failed = append(failed, p)
			return true
		}
		if now >= p.ask {
			s.askAgain(now, p)
		}
		return false
	})
	for _, p := range failed {
		s.failed(p)
	}
}

// askAgain asks the target a second time, and helpers unless the second ping is
// still to be waited for.
func (s *swim) askAgain(now core.Instant, p *probe) {
	p.ask = core.Never
	if s.without.Has(detect.Persistence) {
		s.askHelpers(now, p, s.tuning.PingTwice)
		return
	}
	quarter := p.end.Sub(p.sent) / 4
	if again := now.Add(quarter); p.end.Sub(again) > quarter/2 {
		p.ask = again
	}
	if p.asked++; p.asked == 1 && p.ask != core.Never {
		s.pingAgain(p)
		return
	}
	s.askHelpers(now, p, true)
}

// askHelpers sends ping-reqs to K random members that owe no answer yet, and
// pings the target, too, if it shall or helpers are few.
func (s *swim) askHelpers(now core.Instant, p *probe, ping bool) {
	budget := uint16(min(p.end.Sub(now).Milliseconds(), 1<<16-1))
	chosen := s.table.Pick(s.rand, s.tuning.Helpers, func(r member.Row) bool {
		return r.ID != s.self && r.ID != p.target.ID && r.Status == core.Alive && !slices.Contains(p.owing, r.ID)
	})
	for _, h := range chosen {
		p.owing = append(p.owing, h.ID)
		s.send(h.ID, h.Addr, wire.Packet{
			Kind: wire.KindPingReq, Nonce: p.nonce, Target: p.target.ID, Addr: p.target.Addr, Budget: budget,
		})
	}
	if ping || len(chosen) < s.tuning.Helpers {
		s.pingAgain(p)
	}
}

// pingAgain repeats the ping, after which an ack tells no round trip.
func (s *swim) pingAgain(p *probe) {
	p.tainted = true
	s.ping(p)
}

// failed suspects a member that answered nobody, unless this node hears nobody
// itself, or the member has shown life meanwhile by refuting something.
func (s *swim) failed(p *probe) {
	row, known := s.table.Get(p.target.ID)
	if !p.prompted {
		s.slower(len(p.owing))
		if !known || row.Status == core.Alive || row.Accuser == s.self {
			s.slower(1) // else others have found the same: it is not this node
		}
	}
	if !known || !row.Living() || row.Instance != p.target.Instance || row.Incarnation != p.target.Incarnation {
		return
	}
	if !s.gates.frozen() {
		s.accuse(row, core.Suspect, wire.ReasonSilent)
	}
}

// probeOf finds the probe of a member that is under way.
func (s *swim) probeOf(id core.NodeID) *probe {
	for _, p := range s.probes {
		if p.target.ID == id {
			return p
		}
	}
	return nil
}

func (s *swim) dropProbe(id core.NodeID) {
	s.probes = slices.DeleteFunc(s.probes, func(p *probe) bool { return p.target.ID == id })
}
