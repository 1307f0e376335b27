package lab

import (
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/detect/swim"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/wire"
)

// Pure is SWIM as its paper computes it: nothing beyond the published protocol,
// and, in step, synchronous rounds. What is measured here must be what theory.go
// says.
type Pure struct {
	Seed    uint64
	Members int
	// Helpers is K.
	Helpers int
	Loss    float64
	// Delay is how long a datagram takes; default a thousandth of a period.
	Delay time.Duration
	// RoundRobin goes round as §4.3 instead of drawing targets as §3.1.
	RoundRobin bool
	// Progress, if set, hears now and then how much of the whole is done.
	Progress func(share float64)
}

func (p Pure) lab(inStep bool) *Lab {
	t := swim.Standard()
	t.Helpers, t.RandomTargets, t.InStep, t.Memoryless = p.Helpers, !p.RoundRobin, inStep, !inStep
	return New(Options{
		Seed: p.Seed, Members: p.Members, Detector: t.New, Without: detect.AllExtras,
		Network: Network{Loss: p.Loss, Delay: p.Delay},
	})
}

// part is the same experiment with a seed of its own, for a part of the trials.
func (p Pure) part(i int, progress func(float64)) Pure {
	p.Seed += uint64(i) << 40
	p.Progress = progress
	return p
}

func (p Pure) progress(done, all int) { p.Progress(float64(done) / float64(all)) }

// period is T in these experiments, whose results count in periods.
const period = time.Second

// Detections silences one random member after another, each from the beginning
// of a round until somebody's probe of it fails, and gives the times in periods.
// Nobody's table ever learns of it, so that all trials are alike.
func (p Pure) Detections(trials int) *Sample {
	found := &Sample{}
	for _, part := range inParts(trials, 500, p.Progress, func(i, trials int, progress func(float64)) *Sample {
		return p.part(i, progress).detections(trials)
	}) {
		found.join(part)
	}
	return found
}

func (p Pure) detections(trials int) *Sample {
	l := p.lab(true)
	found := &Sample{}
	victim, from := -1, core.Instant(0)
	l.OnClaim = func(at int, e *member.Evidence) bool {
		// The victim before may have probed this one while it was silent itself;
		// that probe fails when the first round begins.
		if Place(e.ID) == victim && at != victim && l.now > from {
			found.Add(float64(l.now-from) / float64(period))
			muted := victim
			victim = -1
			l.After(period/2, func() { l.hosts[muted].muted = false })
		}
		return false
	}
	l.Run(2*period - l.delay())
	for trial := range trials {
		next := (l.now - begin).Add(period) / core.Instant(period) * core.Instant(period)
		from = begin + next
		l.Run(from.Sub(l.now) - time.Millisecond/4)
		victim = l.rand.IntN(p.Members)
		l.hosts[victim].muted = true
		for victim >= 0 {
			l.Run(period)
		}
		if trial%64 == 0 {
			p.progress(trial, trials)
		}
	}
	return found
}

// Mistakes lets everybody live under the network's loss, for at least so many
// probes, and counts those that fail. Where theory expects too few of them to say
// the rate within 5 % at four deviations, it counts weighed ones.
func (p Pure) Mistakes(probes int) Rate {
	switch {
	case p.Loss == 0:
		return poissonRate(0, probes)
	case MistakeTheory(p.Loss, p.Helpers)*float64(probes) < 6400:
		return p.weighedMistakes(probes)
	}
	t := p.tallies(probes, 0)
	return poissonRate(t.count, t.trials)
}

// bias is how often a datagram of a weighed probe is lost: often enough that
// every second chain breaks, so that all ways to fail are seen.
const bias = 0.35

func (p Pure) weighedMistakes(probes int) Rate {
	t := p.tallies(probes, max(bias, p.Loss))
	return weighedRate(t.count, t.trials, t.sum, t.squares)
}

// tally counts probes, those that failed, and their weights and squares.
type tally struct {
	trials, count int
	sum, squares  float64
}

// tallies counts at least so many probes, weighed if there is a bias.
func (p Pure) tallies(probes int, bias float64) (all tally) {
	rounds := (probes + p.Members - 1) / p.Members
	for _, t := range inParts(rounds, 1+20_000/p.Members, p.Progress, func(i, rounds int, progress func(float64)) tally {
		return p.part(i, progress).tally(rounds, bias)
	}) {
		all.trials, all.count, all.sum, all.squares = all.trials+t.trials, all.count+t.count, all.sum+t.sum, all.squares+t.squares
	}
	return all
}

// tally lets so many rounds pass. The first one's probes are over after it.
func (p Pure) tally(rounds int, bias float64) tally {
	l := p.lab(true)
	if bias > 0 {
		l.weigh = newWeigher(p.Members, p.Loss, bias)
	}
	t := tally{trials: rounds * p.Members}
	l.OnClaim = func(at int, _ *member.Evidence) bool {
		w := 1.
		if l.weigh != nil {
			w = l.weigh.probes[at].factor
		}
		t.count, t.sum, t.squares = t.count+1, t.sum+w, t.squares+w*w
		return false
	}
	l.Run(3 * period / 2)
	for r := range rounds {
		l.Run(period)
		p.progress(r+1, rounds)
	}
	return t
}

// Spreads lets news of several members ride, again and again, and gives the
// times in periods until each of Shares has heard. Members probe at exponentially
// distributed times, as the curve assumes, and the network loses nothing.
func (p Pure) Spreads(trials int) *Curve {
	p.Loss = 0
	curve := newCurve()
	for _, part := range inParts(trials, 200, p.Progress, func(i, trials int, progress func(float64)) *Curve {
		return p.part(i, progress).spreads(trials)
	}) {
		curve.join(part)
	}
	return curve
}

func (p Pure) spreads(trials int) *Curve {
	l := p.lab(false)
	l.Run(period)
	curve := newCurve()
	atOnce := min(20, p.Members/4+1)
	for done := 0; done < trials; done += atOnce {
		var waves []*wave
		for _, i := range l.rand.Perm(p.Members)[:min(atOnce, trials-done)] {
			waves = append(waves, l.tellOf(i))
		}
		for len(waves) > 0 {
			l.Run(period / 50)
			kept := waves[:0]
			for _, w := range waves {
				if !w.look(l) {
					kept = append(kept, w)
					continue
				}
				for _, share := range Shares() {
					curve.at(share).Add(w.at(share))
				}
			}
			waves = kept
		}
		l.Run(period * time.Duration(l.rand.IntN(1000)) / 1000) // at another phase the next time
		p.progress(done, trials)
	}
	return curve
}

// wave is one piece of news on its way: that a member has refuted something.
type wave struct {
	of          core.NodeID
	incarnation core.Incarnation
	begun       core.Instant
	waiting     []int32 // who has not heard
	members     int
	heard       []float64 // when they did, in periods
}

// tellOf accuses a member to its face, which it refutes: that is the news.
func (l *Lab) tellOf(i int) *wave {
	own := l.Table(i).Self()
	l.packet = wire.Packet{Kind: wire.KindBulletin, Cluster: tagOf(), From: ID((i + 1) % len(l.hosts)), Instance: 1,
		News: []wire.News{{ID: own.ID, Status: core.Suspect, Instance: own.Instance, Incarnation: own.Incarnation,
			Accuser: ID((i + 1) % len(l.hosts)), Why: wire.ReasonSilent}}}
	l.step(i, membership.Packet{From: addrOf((i + 1) % len(l.hosts)), P: &l.packet})
	w := &wave{of: own.ID, incarnation: own.Incarnation + 1, begun: l.now, members: len(l.hosts), heard: []float64{0}}
	for at := range l.hosts {
		if at != i {
			w.waiting = append(w.waiting, int32(at))
		}
	}
	return w
}

// look sees who has heard by now; true when all have, or the news is lost.
func (w *wave) look(l *Lab) bool {
	since := float64(l.now.Sub(w.begun)) / float64(period)
	kept := w.waiting[:0]
	for _, at := range w.waiting {
		if r, _ := l.Table(int(at)).Get(w.of); r.Incarnation >= w.incarnation {
			w.heard = append(w.heard, since)
		} else {
			kept = append(kept, at)
		}
	}
	w.waiting = kept
	if since > 100 {
		for range w.waiting {
			w.heard = append(w.heard, since)
		}
		return true
	}
	return len(kept) == 0
}

// at is when a share of all had heard.
func (w *wave) at(share float64) float64 {
	return w.heard[max(0, min(len(w.heard), int(share*float64(w.members)+0.5))-1)]
}
