package sim

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"hb/core"
	table "hb/core/member"
	"hb/core/node"
	"hb/core/wire"
)

// forge lets a host get a bulletin as if another had sent it.
func (w *World) forge(t *testing.T, from, to int, news ...wire.News) {
	t.Helper()
	view := answer[node.MembersView](t, w, w.Ask(from, node.GetMembers{}))
	p := wire.Packet{Kind: wire.KindBulletin, Cluster: wire.TagOf(view.Cluster.ID, 0), News: news}
	own := view.Members[slices.IndexFunc(view.Members, func(m node.MemberView) bool { return m.Self })]
	p.From, p.Instance = own.ID, own.Instance
	for i := range p.News {
		p.News[i].Accuser = own.ID
	}
	w.network.packet(w.hosts[from], w.hosts[to], node.Datagram{From: w.hosts[from].addr, Data: wire.AppendPacket(nil, &p)})
}

// never runs while nobody shows a member with a status, nor as agreed to be so.
func (w *World) never(t *testing.T, name string, status core.Status, d time.Duration, agreed string) {
	t.Helper()
	for end := w.Now() + d; w.Now() < end; pass(t, w, 100*time.Millisecond) {
		for i := range w.hosts {
			for _, m := range answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{})).Members {
				if m.Name == name && (m.Status == status || agreed != "" && m.Agreed == agreed) {
					t.Fatalf("%s: n%d shows %s as %s, agreed %q", w.Now(), i+1, name, m.Status, m.Agreed)
				}
			}
		}
	}
}

// A member that exists in one forged row only is named by everybody, since gossip
// spreads it, but shown as alive by nobody; and the log never has it up.
func TestAnInventedMemberIsNeverAlive(t *testing.T) {
	for _, kind := range []string{"swim", "gossip", "all-to-all"} {
		w := New(Options{Seed: 500, Nodes: 5, Detector: kind})
		w.Start(5)
		reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3})
		pass(t, w, 3*time.Second)
		leader := w.Leader()
		ghost := table.ToNews(table.Row{
			ID: 0xdead, Name: "ghost", Addr: netip.MustParseAddrPort("10.9.9.9:7117"), Version: "sim", Instance: 3, Status: core.Alive,
		})
		events := w.Ask(leader, node.FollowEvents{FromNow: true, Follow: true})
		for i := range w.hosts {
			w.forge(t, (i+1)%5, i, ghost)
		}
		w.never(t, "ghost", core.Alive, 15*time.Second, "up")
		for _, r := range events.Replies {
			if e, is := r.(node.Record); is && e.Subject == "ghost" && e.Kind != "member-suspect" && e.Kind != "member-dead" {
				t.Errorf("%s: %s of the ghost is told", kind, e.Kind)
			}
		}
		named := false
		for _, m := range answer[node.MembersView](t, w, w.Ask(leader, node.GetMembers{})).Members {
			named = named || m.Name == "ghost" && m.Status == core.Dead
			if m.Name != "ghost" && (m.Status != core.Alive || m.Agreed != "up") {
				t.Errorf("%s: %s is %s and agreed %s", kind, m.Name, m.Status, m.Agreed)
			}
		}
		if !named {
			t.Errorf("%s: in the end the leader does not know the ghost to be dead", kind)
		}
		w.Close()
	}
}

// An accusation at the highest incarnation could never be refuted. Only its
// subject raises an incarnation, so whoever knows the subject at a far lower one
// takes it for what it is.
func TestAnAccusationAtTheHighestIncarnationKillsNobody(t *testing.T) {
	w := cluster(t, 501, 5)
	pass(t, w, 3*time.Second)
	victim := w.hosts[3].name
	view := answer[node.MembersView](t, w, w.Ask(3, node.GetMembers{}))
	own := view.Members[slices.IndexFunc(view.Members, func(m node.MemberView) bool { return m.Self })]
	for _, status := range []core.Status{core.Suspect, core.Dead} {
		for i := range w.hosts {
			w.forge(t, (i+1)%5, i, wire.News{ID: own.ID, Status: status, Instance: own.Instance, Incarnation: math.MaxUint32})
		}
		w.never(t, victim, core.Dead, 8*time.Second, "")
	}
	for i := range w.hosts {
		for _, m := range answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{})).Members {
			if m.Status != core.Alive || m.Agreed != "up" {
				t.Errorf("n%d holds %s %s, agreed %s", i+1, m.Name, m.Status, m.Agreed)
			}
		}
	}
}
