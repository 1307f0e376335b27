package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// ways are the detectors and disseminations besides those of every other test.
func ways() []Options {
	var list []Options
	for _, kind := range []string{"central", "ring", "ring-bi", "all-to-all", "gossip"} {
		list = append(list, Options{Detector: kind})
	}
	return append(list, Options{Spread: "unicast"}, Options{Spread: "multicast"},
		Options{Detector: "ring", Spread: "unicast"}, Options{Detector: "central", Spread: "multicast"})
}

func (o Options) way() string { return o.Detector + " " + o.Spread }

// views gives what each running host believes of one other.
func views(t *testing.T, w *World, about int) map[int]node.MemberView {
	t.Helper()
	found := map[int]node.MemberView{}
	for i, h := range w.hosts {
		if !h.up() || i == about {
			continue
		}
		for _, m := range answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{})).Members {
			if m.Name == w.hosts[about].name {
				found[i] = m
			}
		}
	}
	return found
}

// believed waits until every running host believes another to be so.
func believed(t *testing.T, w *World, about int, status core.Status, limit time.Duration) {
	t.Helper()
	for end := w.now + limit; w.now < end; pass(t, w, 100*time.Millisecond) {
		all := true
		for _, m := range views(t, w, about) {
			all = all && m.Status == status
		}
		if all {
			return
		}
	}
	t.Fatalf("%s: %s is not %s everywhere: %+v", w.options.way(), w.hosts[about].name, status, views(t, w, about))
}

func TestEveryDetectorAndDisseminationServesWholeNodes(t *testing.T) {
	for _, o := range ways() {
		t.Run(o.way(), func(t *testing.T) {
			o.Seed, o.Nodes, o.Net = 7, 5, Network{Loss: 0.05}
			w := New(o)
			t.Cleanup(w.Close)
			w.Start(5)
			reach(t, w, 30*time.Second, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3})
			victim := (w.Leader() + 1) % 5
			w.PowerCut(victim)
			believed(t, w, victim, core.Dead, 30*time.Second)
			w.Restart(victim)
			believed(t, w, victim, core.Alive, 30*time.Second)
			leader := w.Leader()
			w.PowerCut(leader)
			believed(t, w, leader, core.Dead, 30*time.Second)
			w.Restart(leader)
			believed(t, w, leader, core.Alive, 30*time.Second)
		})
	}
}

// TestTheSeedsHoldUnderEveryDetectorAndDissemination runs the worst of weathers
// once for each.
func TestTheSeedsHoldUnderEveryDetectorAndDissemination(t *testing.T) {
	for i, o := range ways() {
		o.Seed, o.Faults, o.Time = uint64(100+i), AllFaults(), 30*time.Second
		report, err := Run(o)
		if err != nil {
			t.Fatalf("%s: %v", o.way(), err)
		}
		if report.Tasks == 0 {
			t.Errorf("%s: nothing happened: %+v", o.way(), report)
		}
	}
}

// TestACentreThatNobodyCanReplaceIsUnreachableAndNeverDead: with one voter there
// is no election, so nobody ever watches the dead leader.
func TestACentreThatNobodyCanReplaceIsUnreachableAndNeverDead(t *testing.T) {
	w := New(Options{Seed: 3, Nodes: 4, Detector: "central", Voters: 1})
	t.Cleanup(w.Close)
	w.Start(4)
	reach(t, w, 10*time.Second, node.Condition{Kind: "members", N: 4})
	pass(t, w, 5*time.Second)
	const leader = 0 // who founded the cluster and is its only voter
	w.PowerCut(leader)
	believed(t, w, leader, core.Unreachable, 10*time.Second)
	pass(t, w, 5*time.Minute)
	for i, m := range views(t, w, leader) {
		if m.Status != core.Unreachable || m.Blame == "" {
			t.Errorf("%s shows it %s: %q", w.hosts[i].name, m.Status, m.Blame)
		}
	}
	w.Restart(leader)
	believed(t, w, leader, core.Alive, 20*time.Second)
}
