package main

import (
	"fmt"
	"time"

	"hb/core/sim/balance"
)

// balanceGoals are those of the choice of members for tasks (core/sim/balance).
func balanceGoals() []goal {
	const sparrow = "Sparrow 1.12, Ray Tune 1.14"
	return []goal{
		{what: "balance: makespan over the bound, known demands, all at once", best: sparrow, want: "at most 1.05 in every cell",
			measure: func(s scale) (string, verdict) { return overBound(s, balance.Known, balance.Batch, 1.05) }},
		{what: "balance: makespan over the bound, learned demands, all at once", best: sparrow, want: "at most 1.12 in every cell",
			measure: func(s scale) (string, verdict) { return overBound(s, balance.Learned, balance.Batch, 1.12) },
			tried:   "the cells that miss have long tasks of few names: which these are is known when a fifth of the time is over, and by then there is none left in which a slow member could do one; hb moves no task that runs"},
		{what: "balance: makespan over the bound, known demands, arriving one by one", best: sparrow, want: "at most 1.05 in every cell",
			measure: func(s scale) (string, verdict) { return overBound(s, balance.Known, balance.Poisson, 1.05) },
			tried:   "the bound knows what will come; where a long task comes last, the fast members are at work"},
		{what: "balance: makespan over the bound, learned demands, arriving one by one", best: sparrow, want: "at most 1.12 in every cell",
			measure: func(s scale) (string, verdict) { return overBound(s, balance.Learned, balance.Poisson, 1.12) }},
		{what: "balance: imbalance with reports 1 s and 30 s old, others using a fifth", best: "–", want: "at most 1.10 and 1.20", measure: imbalances},
		{what: "balance: one of ten members turns 10 times slower", best: "LATE 2×, C3 3×", want: "no new work after 2 heartbeats, at most 1.15 × oracle",
			measure: func(s scale) (string, verdict) { return straggler(s, false) }},
		{what: "balance: the same, and the member does not know", best: "–", want: "the same",
			measure: func(s scale) (string, verdict) { return straggler(s, true) },
			tried:   "nobody can see it before tasks are overdue, which takes as long as a task does"},
	}
}

// balanceCase is ten members of speeds 1 to 8.
func balanceCase(s scale) balance.Case {
	return balance.Case{Policy: balance.HB, Members: 10, Slots: 4, Low: 1, High: 8, TasksPerSlot: 10, Sizes: balance.LogNormal,
		Estimates: balance.Known, Stale: time.Second, Arrivals: balance.Batch, Seed: s.seed}
}

// overBound measures the matrix of members, speeds, sizes and lengths, and hb's
// rivals on a part of it.
func overBound(s scale, estimates, arrivals string, most float64) (text string, v verdict) {
	const runs = 3
	var worst, sum, toldWorst, toldSum float64
	var where string
	cells, above := 0, 0
	for _, sizes := range balance.Sizes() {
		for _, members := range []int{5, 10, 30} {
			for _, high := range []float64{1, 2, 4, 8} {
				for _, tasks := range []int{10, 30} {
					c := balanceCase(s)
					c.Estimates, c.Arrivals, c.Sizes, c.Members, c.High, c.TasksPerSlot = estimates, arrivals, sizes, members, high, tasks
					mean := meanRatio(c, runs)
					if c.Told = estimates == balance.Learned; c.Told {
						told := meanRatio(c, runs)
						toldSum, toldWorst = toldSum+told, max(toldWorst, told)
					}
					cells++
					sum += mean
					if mean > most {
						above++
					}
					if mean > worst {
						worst, where = mean, fmt.Sprintf("%s, %d members of 1-%g, %d tasks a slot", sizes, members, high, tasks)
					}
				}
			}
		}
	}
	text = fmt.Sprintf("mean %.3f, worst cell %.3f (%s), %d of %d cells above; of %d runs each", sum/float64(cells), worst, where, above, cells, runs)
	if estimates == balance.Learned {
		text += fmt.Sprintf("\n            the same loads, had they said what they are: mean %.3f, worst cell %.3f", toldSum/float64(cells), toldWorst)
	}
	text += "\n            beside it, lognormal sizes, 10 members of 1-8:"
	for _, policy := range balance.Policies() {
		c := balanceCase(s)
		c.Estimates, c.Arrivals, c.Policy = estimates, arrivals, policy
		text += fmt.Sprintf(" %s %.2f", policy, meanRatio(c, runs))
	}
	return text, judge(worst <= most)
}

func meanRatio(c balance.Case, runs int) (mean float64) {
	for n := range runs {
		mean += c.Run(nil).Ratio() / float64(runs)
		if n < runs-1 {
			c.Seed++
		}
	}
	return mean
}

func imbalances(s scale) (text string, v verdict) {
	ok := true
	for _, limit := range []struct {
		stale time.Duration
		most  float64
	}{{time.Second, 1.1}, {30 * time.Second, 1.2}} {
		worst := 0.0
		for _, estimates := range balance.Estimates() {
			for _, high := range []float64{1, 8} {
				for n := range 5 {
					c := balanceCase(s)
					c.Stale, c.Others, c.TasksPerSlot, c.High, c.Estimates = limit.stale, 0.2, 30, high, estimates
					c.Seed += uint64(n)
					worst = max(worst, c.Run(nil).Imbalance)
				}
			}
		}
		ok = ok && worst <= limit.most
		text += fmt.Sprintf("%v old: at most %.3f in 20 runs; ", limit.stale, worst)
	}
	return text, judge(ok)
}

func straggler(s scale, hidden bool) (text string, v verdict) {
	const runs = 20
	worst, mean, spared := 0.0, 0.0, 0
	for n := range runs {
		c := balanceCase(s)
		c.Straggler, c.Hidden, c.High, c.TasksPerSlot = 10, hidden, 1, 30
		c.Seed += uint64(n)
		r := c.Run(nil)
		worst, mean, spared = max(worst, r.Ratio()), mean+r.Ratio()/runs, max(spared, r.SparedAfter)
	}
	return fmt.Sprintf("the last new task after %d reports at most; %.3f × oracle on average, %.3f at most (%d runs; what it was running is left to it)",
		spared, mean, worst, runs), judge(spared <= 2 && worst <= 1.15)
}
