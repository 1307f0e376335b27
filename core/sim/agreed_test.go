package sim

import (
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// downs are the entries of the log that call members down for having crashed:
// how many members each.
func downs(t *testing.T, w *World, host int) []int { return downsFor(t, w, host, "crash") }

// downsFor are the same for any of some reasons.
func downsFor(t *testing.T, w *World, host int, reasons ...string) (sizes []int) {
	t.Helper()
	c := w.Ask(host, node.FollowLog{})
	until(t, w, 10*time.Second, func() bool { return c.Done })
	for _, r := range c.Replies {
		record, ok := r.(node.LogRecord)
		size := 0
		for i := 0; ok && i < len(record.Commands); i++ {
			if d, ok := record.Commands[i].Body.(*wire.Command_MemberDown); ok && slices.Contains(reasons, d.MemberDown.Reason) {
				size += len(d.MemberDown.Ids)
			}
		}
		if size > 0 {
			sizes = append(sizes, size)
		}
	}
	return sizes
}

// countDown counts whom a host's agreed directory has down.
func countDown(t *testing.T, w *World, host int) int {
	t.Helper()
	n := 0
	for _, m := range answer[node.MembersView](t, w, w.Ask(host, node.GetMembers{})).Members {
		if m.Agreed == ledger.Down {
			n++
		}
	}
	return n
}

// spared are hosts that are neither voters nor the first.
func spared(t *testing.T, w *World, n int) (chosen []int) {
	t.Helper()
	voters := map[string]bool{}
	for _, m := range answer[node.MembersView](t, w, w.Ask(0, node.GetMembers{})).Members {
		voters[m.Name] = m.Role == "leader" || m.Role == "voter"
	}
	for i := len(w.hosts) - 1; i > 0 && len(chosen) < n; i-- {
		if !voters[w.hosts[i].name] {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

func TestTenKilledAtOnceAreOneEntryWithinEightSeconds(t *testing.T) {
	for _, c := range []struct {
		how  string
		kill func(w *World, hosts []int)
	}{
		{"killed", func(w *World, hosts []int) {
			for _, i := range hosts {
				w.Kill(i)
			}
		}},
		{"without power", func(w *World, hosts []int) { w.PowerCut(hosts...) }},
	} {
		for seed := range uint64(3) {
			w := cluster(t, 100+seed, 50)
			pass(t, w, 5*time.Second)
			before := w.Now()
			c.kill(w, spared(t, w, 10))
			for countDown(t, w, 0) == 0 {
				pass(t, w, 20*time.Millisecond)
			}
			took := w.Now() - before
			pass(t, w, 10*time.Second)
			if got := downs(t, w, 0); len(got) != 1 || got[0] != 10 || took > 8*time.Second {
				t.Errorf("seed %d, %s: entries of %v members, after %s", seed, c.how, got, took)
			}
			t.Logf("seed %d, %s: one entry after %s", seed, c.how, took)
			w.Close()
		}
	}
}

// A member that hears one other only, while all hear it, accuses the rest.
func TestAHalfDetachedNodeGetsNobodyAgreedDown(t *testing.T) {
	for _, kind := range []string{"swim", "all-to-all", "gossip", "ring-bi"} {
		for seed := range uint64(4) {
			w := New(Options{Seed: 200 + seed, Nodes: 7, Detector: kind})
			w.Start(7)
			reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 7}, node.Condition{Kind: "voters", N: 3})
			leader := w.Leader()
			deaf := (leader + 1) % 7
			for k := range 5 {
				w.Cut((leader+2+k)%7, deaf)
			}
			pass(t, w, time.Minute)
			for _, size := range downs(t, w, leader) {
				t.Errorf("%s, seed %d: an entry calls %d down", kind, seed, size)
			}
			w.Close()
		}
	}
}

// The worst that one member can do, be it half-detached or mad: it says again and
// again, at ever higher incarnations, that all others are dead.
func TestOneMembersWordGetsNobodyAgreedDown(t *testing.T) {
	w := cluster(t, 300, 7)
	pass(t, w, 5*time.Second)
	leader := w.Leader()
	liar := (leader + 1) % 7
	view := answer[node.MembersView](t, w, w.Ask(liar, node.GetMembers{}))
	c := w.Ask(leader, node.FollowEvents{FromNow: true, Follow: true})
	for round := range core.Incarnation(20) {
		p := wire.Packet{Kind: wire.KindBulletin, Cluster: wire.TagOf(view.Cluster.ID, 0)}
		for _, m := range view.Members {
			if m.Name == w.hosts[liar].name {
				p.From, p.Instance = m.ID, m.Instance
			}
		}
		for _, m := range view.Members {
			if m.ID != p.From && m.Name != w.hosts[leader].name {
				p.News = append(p.News, wire.News{
					ID: m.ID, Status: core.Dead, Instance: m.Instance, Incarnation: 10 * round, Accuser: p.From, Why: wire.ReasonSilent,
				})
			}
		}
		data := wire.AppendPacket(nil, &p)
		w.network.packet(w.hosts[liar], w.hosts[leader], node.Datagram{From: w.hosts[liar].addr, Data: data})
		pass(t, w, 500*time.Millisecond)
	}
	said := 0
	for _, r := range c.Replies {
		if e, ok := r.(node.Record); ok && e.Kind == "member-dead" {
			said++
		}
	}
	if said < 50 {
		t.Fatalf("the leader was told of %d deaths only", said)
	}
	if got := downs(t, w, leader); len(got) > 0 {
		t.Errorf("entries call %v members down", got)
	}
}

// A member that loses four packets of five refutes every suspicion. It is agreed
// down all the same, once, and nobody else; and when its link is well again it
// comes back.
func TestAMemberThatLosesMostPacketsIsAgreedDownAndComesBack(t *testing.T) {
	for seed := range uint64(2) {
		w := cluster(t, 400+seed, 12)
		pass(t, w, 5*time.Second)
		bad := spared(t, w, 1)[0]
		before := w.Now()
		w.Lose(bad, 0.8)
		until(t, w, 30*time.Second, func() bool { return countDown(t, w, 0) > 0 })
		took := w.Now() - before
		pass(t, w, 40*time.Second)
		if got := downsFor(t, w, 0, "crash", "unsteady"); len(got) != 1 || got[0] != 1 {
			t.Errorf("seed %d: entries of %v members", seed, got)
		}
		for _, m := range answer[node.MembersView](t, w, w.Ask(0, node.GetMembers{})).Members {
			if (m.Agreed == ledger.Down) != (m.Name == w.hosts[bad].name) {
				t.Errorf("seed %d: %s is agreed %v", seed, m.Name, m.Agreed)
			}
		}
		w.Lose(bad, 0)
		before = w.Now()
		until(t, w, 60*time.Second, func() bool { return countDown(t, w, 0) == 0 })
		t.Logf("seed %d: down after %s, up %s after the loss ended", seed, took, w.Now()-before)
		w.Close()
	}
}
