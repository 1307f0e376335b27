package lab

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/kinds"
	"hb/core/detect/swim"
	"hb/core/membership"
)

// traffic sums up what everybody sent and got.
func traffic(l *Lab) string {
	var sum Traffic
	for i := range l.Members() {
		t := l.Traffic(i)
		sum.Sent, sum.SentBytes, sum.Got, sum.GotBytes = sum.Sent+t.Sent, sum.SentBytes+t.SentBytes, sum.Got+t.Got, sum.GotBytes+t.GotBytes
	}
	return fmt.Sprintf("%+v", sum)
}

func TestEventsHappenInTheOrderOfTimeAndThenOfTheirAddition(t *testing.T) {
	var q queue
	rng := rand.New(rand.NewPCG(1, 1))
	var want []event
	for range 2000 {
		if len(want) > 0 && rng.IntN(3) == 0 {
			slices.SortFunc(want, func(a, b event) int {
				if a.before(&b) {
					return -1
				}
				return 1
			})
			if got := q.take(); got.at != want[0].at || got.seq != want[0].seq {
				t.Fatalf("took %d/%d, want %d/%d", got.at, got.seq, want[0].at, want[0].seq)
			}
			want = want[1:]
			continue
		}
		q.add(event{at: core.Instant(rng.IntN(50))})
		want = append(want, event{at: q.last(), seq: q.seq})
	}
}

// last is the time of the event that was added last.
func (q *queue) last() core.Instant {
	for _, e := range q.events {
		if e.seq == q.seq {
			return e.at
		}
	}
	return 0
}

func TestOneSeedGivesOneRunAndAnotherAnother(t *testing.T) {
	run := func(seed uint64, kind string) string {
		make, _ := kinds.Find(kind)
		l := New(Options{Seed: seed, Members: 30, Detector: make, Network: Network{Loss: 0.1}})
		l.After(5*time.Second, func() { l.Kill(3) })
		l.Run(20 * time.Second)
		return traffic(l)
	}
	for _, kind := range kinds.Names() {
		if a, b := run(1, kind), run(1, kind); a != b {
			t.Errorf("%s: %s and %s", kind, a, b)
		}
	}
	if a, b := run(1, "swim"), run(2, "swim"); a == b {
		t.Errorf("two seeds: %s", a)
	}
}

func TestSharingTheTablesChangesNothing(t *testing.T) {
	run := func(compact bool) string {
		l := New(Options{Seed: 3, Members: 60, Detector: swim.New, Network: Network{Loss: 0.1}, Compact: compact})
		l.After(5*time.Second, func() { l.Kill(3); l.Kill(50) })
		l.Run(30 * time.Second)
		for i := range l.Members() {
			if l.Up(i) && (l.Status(i, 3) != core.Dead || l.Status(i, 50) != core.Dead || l.Table(i).Living() != 58) {
				t.Errorf("compact %v: member %d holds them %s and %s", compact, i, l.Status(i, 3), l.Status(i, 50))
			}
		}
		return traffic(l)
	}
	if own, shared := run(false), run(true); own != shared {
		t.Errorf("own tables: %s\nshared: %s", own, shared)
	}
}

func TestACutPassesNothingAndLossSomething(t *testing.T) {
	l := New(Options{Seed: 1, Members: 3, Detector: swim.New})
	l.Loss = func(from, to int) float64 {
		switch {
		case to == 0:
			return 1
		case to == 1:
			return 0.5
		}
		return 0
	}
	l.Run(60 * time.Second)
	a, b, c := l.Traffic(0).Got, l.Traffic(1).Got, l.Traffic(2).Got
	if a != 0 || b == 0 || b >= c {
		t.Errorf("they got %d, %d and %d", a, b, c)
	}
}

func TestARefusingHostAnswersForItsDead(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		l := New(Options{Seed: 1, Members: 5, Detector: swim.New, Network: Network{Refuse: refuse}})
		l.Run(3 * time.Second)
		l.Kill(2)
		suspected := func() bool { return l.Status(0, 2) != core.Alive }
		l.Until(20*time.Second, time.Millisecond, suspected)
		l.Run(200 * time.Millisecond)
		if dead := l.Status(0, 2) == core.Dead; dead != refuse {
			t.Errorf("refused %v: a moment after the suspicion it is %s", refuse, l.Status(0, 2))
		}
	}
}

func TestWhoIsBlockedNeitherReadsNorSendsUntilItIsOver(t *testing.T) {
	l := New(Options{Seed: 1, Members: 10, Detector: swim.New, Without: detect.AllExtras})
	l.Run(20 * time.Second)
	l.Block(4)
	l.Run(50 * time.Millisecond) // what was under way arrives, and is not read
	sent := l.Traffic(4).Sent
	l.Run(5 * time.Second)
	if now := l.Traffic(4).Sent; now != sent {
		t.Errorf("it sent %d datagrams", now-sent)
	}
	if n := len(l.hosts[4].stall.inbox); n < 5 {
		t.Errorf("%d datagrams wait to be read", n)
	}
	l.Unblock(4, time.Millisecond)
	if now := l.Traffic(4).Sent; now == sent {
		t.Error("it does not go on sending")
	}
	l.Run(time.Second)
	if n := len(l.hosts[4].stall.inbox); n != 0 {
		t.Errorf("%d datagrams still wait", n)
	}
}

func TestNothingIsRevivedThatDidNotDie(t *testing.T) {
	l := New(Options{Seed: 1, Members: 4, Detector: swim.New})
	l.OnChange = func(at int, c *membership.Changed) {
		if c.After.Status == core.Dead {
			t.Errorf("%d holds %s dead", at, c.After.Name)
		}
	}
	l.Run(5 * time.Second)
	l.Kill(1)
	l.Run(time.Second)
	l.Revive(1)
	l.Run(20 * time.Second)
}

func TestACrowdThatJoinsAtOnceKnowsEachOtherSoon(t *testing.T) {
	const crowd = 200
	l := New(Options{Seed: 1, Members: crowd, Detector: swim.New, Strangers: true})
	l.Run(2 * time.Second)
	for i := 1; i < crowd; i++ {
		l.Join(i, 0)
	}
	if !l.Until(4*time.Second, 100*time.Millisecond, l.AllKnowAll) {
		t.Error("after 4 s somebody does not know somebody")
	}
	// A row takes some 45 bytes. Each has to learn two hundred.
	l.Run(10 * time.Second)
	var news, tables uint64
	for i := range crowd {
		news, tables = news+l.Traffic(i).SentBytes/crowd, tables+l.Traffic(i).StreamBytes/crowd
	}
	if news > 55_000 || tables > 15_000 {
		t.Errorf("each has sent %d bytes of news and pings and %d of tables", news, tables)
	}
}

// All that lose four packets of five are known for it soon, and so about together, as
// the log would have them in one change; and nobody else is.
func TestWhoLosesMostPacketsIsKnownForItSoon(t *testing.T) {
	make, _ := kinds.Find(kinds.Default)
	for seed := range uint64(3) {
		l := New(Options{Seed: seed, Members: 100, Detector: make})
		bad := func(i int) bool { return i%20 == 10 }
		l.Run(5 * time.Second)
		l.Loss = func(from, to int) float64 {
			if bad(from) || bad(to) {
				return 0.8
			}
			return 0
		}
		l.Run(14 * time.Second)
		for i := range l.Members() {
			if known := l.Status(0, i) == core.Dead || l.Steadiness(0, i) == membership.Unsteady; known != bad(i) {
				t.Errorf("seed %d: of member %d, which loses most packets: %t, it is known: %t", seed, i, bad(i), known)
			}
		}
	}
}
