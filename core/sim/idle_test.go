package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/replog"
	"hb/core/wire"
)

// counted counts what a node sends.
type counted struct {
	machine
	sent *traffic
}

type traffic struct {
	frames, datagrams, beats int // beats are among the datagrams
}

func (c counted) Step(now core.Instant, ev node.Event) []node.Effect {
	effects := c.machine.Step(now, ev)
	for _, eff := range effects {
		switch e := eff.(type) {
		case node.SendFrame:
			c.sent.frames++
		case node.SendDatagram:
			c.sent.datagrams++
			if k := wire.Kind(e.Data[3]); k == wire.KindEngineBeat || k == wire.KindEngineAnswer {
				c.sent.beats++
			}
		}
	}
	return effects
}

func (c counted) ID() core.NodeID { return c.machine.(*node.Node).ID() }

// An idle cluster costs what the detector costs, 2 messages a period and member,
// a load report now and then (here the load goes up and down all the time), and
// one datagram each way for each heartbeat of the leader to each other voter.
// The members that the referee follows the log through wait for news on streams.
func TestAnIdleClusterSendsHeartbeatsAsDatagramsAndLittleElse(t *testing.T) {
	const nodes, voters, seconds = 8, 3, 60
	w := New(Options{Seed: 5, Nodes: nodes})
	t.Cleanup(w.Close)
	var sent traffic
	build := w.build
	w.build = func(h *host) (machine, error) {
		m, err := build(h)
		return counted{m, &sent}, err
	}
	w.Start(nodes)
	reach(t, w, 10*time.Second, node.Condition{Kind: "members", N: nodes}, node.Condition{Kind: "voters", N: voters})
	pass(t, w, 20*time.Second)
	sent = traffic{}
	pass(t, w, seconds*time.Second)
	const beats = 2 * (voters - 1) * int(seconds*time.Second/replog.DefaultTick)
	if sent.beats > beats+voters || sent.beats < beats*9/10 {
		t.Errorf("%d heartbeats and answers as datagrams; %d expected", sent.beats, beats)
	}
	if rest, most := sent.datagrams-sent.beats, nodes*seconds*24/10; rest > most {
		t.Errorf("%d other datagrams, more than 2.4 a member and second, which is %d", rest, most)
	}
	// A pull and its page each 10 s by each that does not vote, and each 30 s a
	// heartbeat and its answer that keep a stream open; and once in that time, at
	// most, a word to each of the three that a member watches.
	if most := 2*(nodes-voters)*seconds/10 + 2*(voters-1)*seconds/30 + 3*nodes; sent.frames > most+voters {
		t.Errorf("%d frames, expected at most %d", sent.frames, most)
	}
	t.Logf("a second: %.1f heartbeats, %.1f other datagrams, %.2f frames",
		float64(sent.beats)/seconds, float64(sent.datagrams-sent.beats)/seconds, float64(sent.frames)/seconds)
}

// The death of a leader is seen by the end of its streams, so an hour of silence
// must not have closed them: without them, an election timeout is the least.
func TestALeaderKilledAfterALongSilenceIsReplacedAtOnce(t *testing.T) {
	w := cluster(t, 6, 3)
	pass(t, w, time.Hour)
	old := w.Leader()
	w.Kill(old)
	from := w.now
	until(t, w, 10*time.Second, func() bool { return w.Leader() >= 0 && w.Leader() != old })
	if took := w.now - from; took > 500*time.Millisecond {
		t.Errorf("the next leader took %v", took)
	}
}
