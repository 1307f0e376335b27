package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// wholly waits until every host that is up shows so many members, all of them alive
// and agreed to be up.
func wholly(t *testing.T, w *World, members int) {
	t.Helper()
	for i, h := range w.hosts {
		if !h.up() {
			continue
		}
		until(t, w, 30*time.Second, func() bool {
			view := answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{}))
			well := 0
			for _, m := range view.Members {
				if m.Status == core.Alive && m.Agreed == "up" {
					well++
				}
			}
			return well == members && len(view.Members) == members
		})
	}
}

// wronglyDead gives what a host told of members that died or were agreed down.
func wronglyDead(story *Call) (lines []string) {
	for _, r := range story.Replies {
		if e, is := r.(node.Record); is && (e.Kind == "member-dead" || e.Kind == "agreed-down") {
			lines = append(lines, e.Kind+" "+e.Subject+" "+e.Detail)
		}
	}
	return lines
}

// A machine that comes by a member's name is not let in, whichever member it asks, and
// nobody is worse off for it.
func TestWhoComesByAMembersNameStaysOut(t *testing.T) {
	for seed := uint64(460); seed < 465; seed++ {
		w := New(Options{Seed: seed, Nodes: 6})
		w.Start(5)
		reach(t, w, 20*time.Second, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3})
		pass(t, w, 3*time.Second)
		var stories []*Call
		for i := range 5 {
			stories = append(stories, w.Ask(i, node.FollowEvents{FromNow: true, Follow: true}))
		}
		const thief = 5
		own := w.hosts[thief].name
		w.hosts[thief].name = w.hosts[(w.Leader()+int(seed))%5].name
		w.Restart(thief)
		pass(t, w, 30*time.Second)
		for i := range 5 {
			if view := answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{})); statuses(view) != allWell(5) {
				t.Errorf("seed %d: host %d shows %s", seed, i, statuses(view))
			}
		}
		for i, story := range stories {
			if lines := wronglyDead(story); len(lines) > 0 {
				t.Errorf("seed %d: host %d tells %q", seed, i, lines)
			}
		}
		w.Kill(thief) // and comes by a name of its own
		w.hosts[thief].name = own
		w.Restart(thief)
		wholly(t, w, 6)
		w.Close()
	}
}

// allWell is what statuses says of so many members that are well.
func allWell(members int) string {
	var words []string
	for i := range members {
		words = append(words, fmt.Sprintf("n%d alive up", i+1))
	}
	return strings.Join(words, ", ")
}

// A member that comes back at another address, be it the leader, is the same member:
// everybody knows it there, and nobody else is called dead meanwhile.
func TestAMemberThatMovedIsTheSameMemberElsewhere(t *testing.T) {
	for seed := uint64(470); seed < 475; seed++ {
		w := cluster(t, seed, 5)
		pass(t, w, 3*time.Second)
		moved := (w.Leader() + int(seed)) % 5
		var stories []*Call
		for i := range w.hosts {
			if i != moved {
				stories = append(stories, w.Ask(i, node.FollowEvents{FromNow: true, Follow: true}))
			}
		}
		w.PowerCut(moved)
		w.Move(moved)
		w.Restart(moved)
		for i := range w.hosts {
			until(t, w, 30*time.Second, func() bool {
				return slices.ContainsFunc(answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{})).Members, func(m node.MemberView) bool {
					return m.Name == w.hosts[moved].name && m.Addr == w.hosts[moved].addr
				})
			})
		}
		wholly(t, w, 5)
		for _, story := range stories {
			for _, line := range wronglyDead(story) {
				if !strings.Contains(line, " "+w.hosts[moved].name+" ") {
					t.Errorf("seed %d: %s", seed, line)
				}
			}
		}
		w.Close()
	}
}
