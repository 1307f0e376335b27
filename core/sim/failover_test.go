package sim

import (
	"slices"
	"testing"
	"time"

	"hb/core/node"
)

// BenchmarkLeaderFrozen is, in virtual time, how long after a leader of three fell
// silent the next entry is committed; and what a slow disk on the leader costs:
//
//	go test -run '^$' -bench Frozen -benchtime 1000x ./core/sim
//
// Ten leaders of one seed after the other are frozen, each at a moment of its own.
func BenchmarkLeaderFrozen(b *testing.B) {
	var took []time.Duration
	var w *World
	for b.Loop() {
		if n := len(took); n%10 == 0 {
			w = New(Options{Seed: uint64(5000 + n), Nodes: 3})
			w.Start(3)
			follow(b, w, 30*time.Second, node.Await{Conditions: []node.Condition{{Kind: "members", N: 3}, {Kind: "voters", N: 3}}})
		}
		leader := w.Leader()
		if err := w.For(time.Duration(len(took)%10*17) * time.Millisecond); err != nil {
			b.Fatal(err)
		}
		w.Pause(leader, 15*time.Second)
		from := w.now
		took = append(took, commitsAgain(b, w, (leader+1)%3)-from)
		if err := w.Until(func() bool { return !w.hosts[leader].paused }, 30*time.Second); err != nil {
			b.Fatal(err)
		}
		follow(b, w, 30*time.Second, node.Await{Conditions: []node.Condition{{Kind: "members", N: 3}, {Kind: "ready"}}})
	}
	w.Close()
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Milliseconds()) }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.9), "p90-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(at(1), "max-ms")
	b.ReportMetric(0, "ns/op")
}

// commitsAgain has a client write every few milliseconds until that succeeds, and
// says when.
func commitsAgain(b *testing.B, w *World, at int) time.Duration {
	b.Helper()
	var again func()
	done := time.Duration(0)
	again = func() {
		if done == 0 {
			w.ask(w.hosts[at], node.AppendNote{Text: []byte("next")}, func(c *Call) {
				if _, ok := c.Answer().(node.Appended); ok && done == 0 {
					done = w.now
				}
			})
			w.after(5*time.Millisecond, again)
		}
	}
	again()
	if err := w.Until(func() bool { return done > 0 }, 20*time.Second); err != nil {
		b.Fatal(err)
	}
	return done
}

// follow asks hosts (all, if none is named) and waits for their answers.
func follow(b *testing.B, w *World, limit time.Duration, ask node.Request, hosts ...int) {
	b.Helper()
	if len(hosts) == 0 {
		for i := range w.hosts {
			hosts = append(hosts, i)
		}
	}
	var calls []*Call
	for _, i := range hosts {
		calls = append(calls, w.Ask(i, ask))
	}
	err := w.Until(func() bool { return !slices.ContainsFunc(calls, func(c *Call) bool { return !c.Done }) }, limit)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range calls {
		if c.Fault() != nil || c.Lost {
			b.Fatalf("%T of host %d: %v", ask, c.Host, c.Answer())
		}
	}
}
