package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
)

// TestFaultsEndWithTheRightTableAndNobodyWronglyDead lets happen in virtual time
// what scripts/faults lets happen to real processes, and what cannot be done to
// those: jumps of one machine's wall clock. At says whom it happens to: the
// leader and others in turn.
func TestFaultsEndWithTheRightTableAndNobodyWronglyDead(t *testing.T) {
	for _, f := range []struct {
		name string
		ill  bool // it may be called dead
		do   func(w *World, at int)
		last time.Duration
	}{
		{"stopped for 3 s", false, func(w *World, at int) { w.Pause(at, 3*time.Second) }, 3 * time.Second},
		{"stopped for 10 s", true, func(w *World, at int) { w.Pause(at, 10*time.Second) }, 10 * time.Second},
		{"all stopped for 10 s", false, func(w *World, _ int) {
			for i := range w.hosts {
				w.Pause(i, 10*time.Second+time.Duration(i)*37*time.Millisecond)
			}
		}, 10 * time.Second},
		{"clock an hour ahead", false, func(w *World, at int) { w.JumpClock(at, time.Hour) }, time.Second},
		{"clock a day back", false, func(w *World, at int) { w.JumpClock(at, -24*time.Hour) }, time.Second},
		{"one link cut in one direction", false, func(w *World, at int) { w.Cut(at, (at+1)%5) }, 20 * time.Second},
		{"hears nobody", true, func(w *World, at int) {
			for _, i := range others(w, at) {
				w.Cut(i, at)
			}
		}, 20 * time.Second},
		{"nobody hears it", true, func(w *World, at int) {
			for _, i := range others(w, at) {
				w.Cut(at, i)
			}
		}, 20 * time.Second},
		{"80 % loss at it", true, func(w *World, at int) { w.Lose(at, 0.8) }, 40 * time.Second},
		{"cut off", true, func(w *World, at int) { w.Partition([]int{at}, others(w, at)) }, 20 * time.Second},
	} {
		for seed := range uint64(3) {
			w := cluster(t, 430+seed, 5)
			pass(t, w, 5*time.Second)
			var stories []*Call
			for i := range w.hosts {
				stories = append(stories, w.Ask(i, node.FollowEvents{FromNow: true, Follow: true}))
			}
			at := (w.Leader() + int(seed)) % 5
			f.do(w, at)
			pass(t, w, f.last)
			w.Heal()
			w.Lose(at, 0)
			pass(t, w, 30*time.Second)
			for i, story := range stories {
				for _, r := range story.Replies {
					e, is := r.(node.Record)
					wrong := is && (e.Kind == "member-dead" || e.Kind == "agreed-down") && !(f.ill && e.Subject == w.hosts[at].name)
					if wrong {
						t.Errorf("%s, host %d, seed %d: host %d has %s of %s: %s", f.name, at, seed, i, e.Kind, e.Subject, e.Detail)
					}
				}
				view, right := node.MembersView{}, false
				for limit := w.Now() + 3*time.Minute; !right && w.Now() < limit; { // who wavered must be steady for a while
					pass(t, w, time.Second)
					view = answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{}))
					right = !slices.ContainsFunc(view.Members, func(m node.MemberView) bool { return m.Status != core.Alive || m.Agreed != "up" })
				}
				if !right {
					t.Errorf("%s, host %d, seed %d: host %d shows %s", f.name, at, seed, i, statuses(view))
				}
			}
			w.Close()
		}
	}
}

func statuses(v node.MembersView) string {
	var words []string
	for _, m := range v.Members {
		words = append(words, m.Name+" "+m.Status.String()+" "+m.Agreed)
	}
	return strings.Join(words, ", ")
}
