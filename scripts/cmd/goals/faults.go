package main

import (
	"fmt"
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

func crashes(s scale) *lab.Findings {
	make, _ := kinds.Find(kinds.Default)
	return lab.Trial{Seed: s.seed, Members: 128, Detector: make, Kills: s.crashes}.Run()
}

func worst(s scale) (string, verdict) {
	f := crashes(s)
	return fmt.Sprintf("%.2f periods (mean %.2f, %d crashes)", f.Suspected.Max(), f.Suspected.Mean(), f.Suspected.Count()), judge(f.Suspected.Max() <= 5)
}

func dead(s scale) (string, verdict) {
	f := crashes(s)
	first, all, p99 := f.DeadFirst.Quantile(0.5), f.DeadAll.Quantile(0.5), f.DeadAll.Quantile(0.99)
	return fmt.Sprintf("medians %.2f and %.2f s, p99 %.2f s (%d crashes, %d missed)", first, all, p99, f.DeadAll.Count(), f.Missed),
		judge(first <= 4 && all <= 4.5 && p99 <= 6.5 && f.Missed == 0)
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
	l.Until(60*time.Second, 100*time.Millisecond, func() bool {
		for at := range l.Members() {
			if l.Up(at) && l.Table(at).Living() != l.Members()-10 {
				return false
			}
		}
		return true
	})
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

func joinAtOnce(s scale) (string, verdict) {
	o := options(s, s.joiners)
	o.Strangers = true
	l := lab.New(o)
	l.Run(2 * time.Second)
	for i := 1; i < l.Members(); i++ {
		l.Join(i, 0)
	}
	began := l.Now()
	whole := l.Until(2*time.Minute, 100*time.Millisecond, func() bool {
		for at := range l.Members() {
			if l.Table(at).Living() != l.Members() {
				return false
			}
		}
		return true
	})
	took := l.Now() - began
	if !whole {
		return fmt.Sprintf("%d were not all known to all after %.0f s", s.joiners, took.Seconds()), missed
	}
	got := fmt.Sprintf("%d know each other after %.1f s", s.joiners, took.Seconds())
	if s.joiners < 2000 {
		return got + "; the goal is for 2000: --full", unjudged
	}
	return got, judge(took <= 5*time.Second)
}

func split(s scale) (string, verdict) {
	members := s.large / 5
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
	l.Until(2*time.Minute, 100*time.Millisecond, func() bool {
		for at := range members {
			if l.Table(at).Living() != members {
				return false
			}
		}
		return true
	})
	took, most := l.Now()-began, 0
	for _, n := range flaps {
		most = max(most, n)
	}
	return fmt.Sprintf("after 90 s apart %d of %d held the other half dead; whole %.1f s after the cut ended, at most %d flaps of one member in one table",
		apart, members, took.Seconds(), most), s.judgeLarge(apart == members && took <= 15*time.Second && most <= 1)
}
