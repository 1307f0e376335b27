package sim

import (
	"strings"
	"testing"
	"time"

	"hb/core/node"
)

// healths are the words that a host has told of its health, in order.
func healths(t *testing.T, w *World, host int) string {
	t.Helper()
	c := w.Ask(host, node.FollowEvents{})
	until(t, w, 10*time.Second, func() bool { return c.Done })
	var words []string
	for _, r := range c.Replies {
		if rec, is := r.(node.Record); is && rec.Kind == "health" {
			if rec.Subject != w.hosts[host].name {
				t.Errorf("%s tells of the health of %s", w.hosts[host].name, rec.Subject)
			}
			words = append(words, rec.Detail)
		}
	}
	return strings.Join(words, " ")
}

func TestHealthIsToldWhenItHasBecomeAnotherAndStaysSo(t *testing.T) {
	for seed := range uint64(4) {
		w := cluster(t, 900+seed, 3)
		tells := func(host int, want string) {
			t.Helper()
			until(t, w, 40*time.Second, func() bool { return strings.HasSuffix(healths(t, w, host), want) })
			if got := healths(t, w, host); got != want {
				t.Errorf("seed %d: %s has told %q, want %q", 900+seed, w.hosts[host].name, got, want)
			}
		}
		for i := range 3 {
			tells(i, "healthy")
		}
		first := w.Leader()
		answer[node.LeaderView](t, w, w.Ask(first, node.TransferLeader{}))
		pass(t, w, 10*time.Second)
		for i := range 3 { // a change of leader is none of health
			tells(i, "healthy")
		}
		lead := w.Leader()
		last, other := (lead+1)%3, (lead+2)%3
		w.Kill(lead)
		tells(last, "healthy degraded")
		w.Kill(other)
		until(t, w, 40*time.Second, func() bool { return strings.HasPrefix(healths(t, w, last), "healthy degraded ") })
		w.Restart(lead)
		w.Restart(other)
		until(t, w, 60*time.Second, func() bool { return strings.HasSuffix(healths(t, w, last), " healthy") })
		// Of who was killed, nothing is left of what it told before.
		until(t, w, 60*time.Second, func() bool { return strings.HasSuffix(healths(t, w, lead), "healthy") })
	}
}
