package main

import (
	"fmt"
	"sync"
	"time"

	"hb/core"
	"hb/core/detect/kinds"
	"hb/core/membership"
	"hb/core/sim/lab"
)

func options(s scale, members int) lab.Options {
	make, _ := kinds.Find(kinds.Default)
	return lab.Options{Seed: s.seed, Members: members, Detector: make}
}

// crashes are of silent hosts among 128 members, one at a time, for two goals.
type crashes struct {
	once  sync.Once
	found *lab.Findings
}

func (c *crashes) of(s scale) *lab.Findings {
	c.once.Do(func() {
		make, _ := kinds.Find(kinds.Default)
		c.found = lab.Trial{Seed: s.seed, Members: 128, Detector: make, Kills: s.crashes, AtOnce: 1}.Run()
	})
	return c.found
}

func (c *crashes) worst(s scale) (string, verdict) {
	f := c.of(s)
	most := f.Suspected.Max()
	return fmt.Sprintf("%.2f periods (mean %.2f, p99 %.2f, %d crashes)%s", most, f.Suspected.Mean(), f.Suspected.Quantile(0.99), f.Suspected.Count(),
		over("the worst", most, 5)), judge(most <= 5)
}

func (c *crashes) dead(s scale) (string, verdict) {
	f := c.of(s)
	first, all, p99 := f.DeadFirst.Quantile(0.5), f.DeadAll.Quantile(0.5), f.DeadAll.Quantile(0.99)
	text := fmt.Sprintf("medians %.2f and %.2f s, p99 %.2f s (%d crashes, %d missed)", first, all, p99, f.DeadAll.Count(), f.Missed)
	return text + over("first", first, 4) + over("everywhere", all, 4.5) + over("p99", p99, 6.5),
		judge(first <= 4 && all <= 4.5 && p99 <= 6.5 && f.Missed == 0)
}

// over says by how much a goal is missed, if it is.
func over(what string, got, most float64) string {
	if got <= most {
		return ""
	}
	return fmt.Sprintf("; %s %.1f %% over %g", what, 100*(got/most-1), most)
}

// lifeguard compares hb with SWIM as the Lifeguard paper had it.
func lifeguard(s scale) (string, verdict) {
	variants := lab.Variants()
	var falsely, healthy [2]int
	for i, v := range []lab.Variant{variants[0], variants[len(variants)-1]} {
		runs := lab.IntervalSample(s.seed)
		tolls := make([]*lab.Toll, len(runs))
		lab.SideBySide(len(runs), nil, func(k int, _ func(float64)) { tolls[k] = runs[k].Run(v) })
		for _, t := range tolls {
			falsely[i] += t.False
			healthy[i] += t.FalseByHealthy
		}
	}
	share := float64(falsely[1]) / float64(max(1, falsely[0]))
	return fmt.Sprintf("%d FP, %d FP−, of SWIM's %d and %d: %.2f %%", falsely[1], healthy[1], falsely[0], healthy[0], 100*share) + over("", 100*share, 0.3),
		judge(share <= 0.003 && healthy[1] == 0)
}

// deaths counts how often a living member is called dead by one of the sound
// ones; the others do not count.
func deaths(l *lab.Lab, sound func(int) bool) *int {
	n := new(int)
	l.OnChange = func(at int, c *membership.Changed) {
		if of := lab.Place(c.After.ID); c.After.Status == core.Dead && sound(at) && sound(of) && l.Up(of) {
			*n++
		}
	}
	return n
}

func everybody(int) bool { return true }

func joinersUnderLoss(s scale) (string, verdict) {
	o := options(s, 18)
	o.Strangers, o.Network.Loss = true, 0.1
	l := lab.New(o)
	wrong := deaths(l, everybody)
	for i := 1; i < l.Members(); i++ {
		l.After(time.Duration(i)*2*time.Second, func() { l.Join(i, 0) })
	}
	l.Run(10 * time.Minute)
	stay := 0
	for i := 1; i < l.Members(); i++ {
		if l.Status(0, i) == core.Alive || l.Status(0, i) == core.Suspect {
			stay++
		}
	}
	return fmt.Sprintf("%d stay, %d times somebody was called dead wrongly, 10 min", stay, *wrong), judge(stay == 17 && *wrong == 0)
}

func heavyLoss(s scale) (string, verdict) {
	o := options(s, 17)
	o.Network.Loss = 0.3
	l := lab.New(o)
	wrong := deaths(l, everybody)
	l.Run(5 * time.Minute)
	return fmt.Sprintf("%d times somebody was called dead wrongly", *wrong), judge(*wrong == 0)
}

// faulty runs many members, every hundredth of which suffers, and says whom the
// sound ones hold dead or unsteady within 20 s and within a minute.
func faulty(s scale, loss func(at time.Duration, out bool) float64) (string, verdict) {
	l := lab.New(options(s, s.large))
	bad := func(i int) bool { return i%100 == 50 }
	wrong := deaths(l, func(i int) bool { return !bad(i) })
	l.Run(10 * time.Second)
	began := l.Now()
	l.Loss = func(from, to int) float64 {
		p := 0.
		if bad(from) {
			p = loss(l.Now()-began, true)
		}
		if bad(to) {
			p = 1 - (1-p)*(1-loss(l.Now()-began, false))
		}
		return p
	}
	removed := func(faulty bool) (n int) {
		for i := range l.Members() {
			if bad(i) != faulty {
				continue
			}
			holders := 0
			for at := range l.Members() {
				if !bad(at) && (l.Status(at, i) == core.Dead || l.Steadiness(at, i) == membership.Unsteady) {
					holders++
				}
			}
			if holders > l.Members()/2 || !faulty && holders > 0 {
				n++
			}
		}
		return n
	}
	l.Run(20 * time.Second)
	soon := removed(true)
	l.Run(40 * time.Second)
	sound := removed(false)
	return fmt.Sprintf("of %d faulty %d are dead or unsteady to most after 20 s, %d after 60 s; so are %d sound ones to anybody; %d times a sound one was called dead by a sound one",
		l.Members()/100, soon, removed(true), sound, *wrong), s.judgeLarge(soon == l.Members()/100 && sound+*wrong == 0)
}

func lossy(s scale) (string, verdict) {
	return faulty(s, func(time.Duration, bool) float64 { return 0.8 })
}

func oneWay(s scale) (string, verdict) {
	return faulty(s, func(_ time.Duration, out bool) float64 {
		if out {
			return 0
		}
		return 1
	})
}

func flipFlop(s scale) (string, verdict) {
	return faulty(s, func(at time.Duration, out bool) float64 {
		if !out && at/(20*time.Second)%2 == 0 {
			return 1
		}
		return 0
	})
}

func tenAtOnce(s scale) (string, verdict) {
	l := lab.New(options(s, s.large))
	l.Run(10 * time.Second)
	for i := range 10 {
		l.Kill(i * s.large / 10)
	}
	began := l.Now()
	l.Until(60*time.Second, 100*time.Millisecond, l.AllKnowAll)
	took := l.Now() - began
	return fmt.Sprintf("dead everywhere after %.1f s among %d", took.Seconds(), s.large), s.judgeLarge(took <= 8*time.Second)
}

func idle(s scale) (string, verdict) {
	make, _ := kinds.Find(kinds.Default)
	f := lab.Trial{Seed: s.seed, Members: 1000, Detector: make}.Run()
	sealed := f.Bytes + seal*f.Sent
	return fmt.Sprintf("%.2f datagrams a period, %.0f bytes/s each way sealed (%.0f plain), the busiest sends %.2f and gets %.2f",
		f.Sent, sealed, f.Bytes, f.SentMost, f.Got), judge(f.Sent <= 2.05 && sealed <= 300 && f.SentMost <= 4)
}

// joining lets a crowd join, if the scale is for so many.
func joining(members int, most time.Duration) func(scale) (string, verdict) {
	return func(s scale) (string, verdict) {
		if members > s.joiners {
			return "only with --full", unjudged
		}
		took, text := join(s, members)
		return text + over("", took.Seconds(), most.Seconds()), judge(took <= most)
	}
}

// join lets so many join through one at once, and says how long it takes until
// all know all, and what has passed until the news has come to rest.
func join(s scale, members int) (took time.Duration, text string) {
	o := options(s, members)
	o.Strangers = true
	l := lab.New(o)
	l.Run(2 * time.Second)
	for i := 1; i < l.Members(); i++ {
		l.Join(i, 0)
	}
	began := l.Now()
	whole := l.Until(time.Minute, 100*time.Millisecond, l.AllKnowAll)
	if took = l.Now() - began; !whole {
		return took, fmt.Sprintf("not all know all after %.0f s", took.Seconds())
	}
	l.Run(10 * time.Second)
	var most, news, tables uint64
	for i := range l.Members() {
		t := l.Traffic(i)
		most, news, tables = max(most, t.SentBytes+t.StreamBytes), news+t.SentBytes, tables+t.StreamBytes
	}
	each := 1e3 * float64(members)
	return took, fmt.Sprintf("all know all after %.1f s; each has sent %.0f kB of datagrams and %.0f kB of tables 10 s later, the one asked %.1f MB",
		took.Seconds(), float64(news)/each, float64(tables)/each, float64(most)/1e6)
}

func split(s scale) (string, verdict) {
	members := s.nodes // half of them, each held dead by the other half: that takes its time
	l := lab.New(options(s, members))
	l.Run(10 * time.Second)
	l.Loss = func(from, to int) float64 {
		if from%2 != to%2 {
			return 1
		}
		return 0
	}
	l.Run(90 * time.Second)
	apart := 0
	for at := range members {
		if l.Table(at).Living() == members/2 {
			apart++
		}
	}
	l.Loss = nil
	flaps := map[[2]int]int{}
	l.OnChange = func(at int, c *membership.Changed) {
		if c.After.Status == core.Dead {
			flaps[[2]int{at, lab.Place(c.After.ID)}]++
		}
	}
	began := l.Now()
	l.Until(2*time.Minute, 100*time.Millisecond, l.AllKnowAll)
	took, most := l.Now()-began, 0
	for _, n := range flaps {
		most = max(most, n)
	}
	return fmt.Sprintf("after 90 s apart %d of %d held the other half dead; whole %.1f s after the cut ended, at most %d flaps of one member in one table",
		apart, members, took.Seconds(), most) + over("", took.Seconds(), 15), s.judgeNodes(apart == members && took <= 15*time.Second && most <= 1)
}
