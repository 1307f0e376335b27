package lab

import (
	"math"
	"time"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/spread"
)

// Trial is a cluster as it really runs, in which members crash. A crashed
// member is silent; with Network.Refuse its host answers for it.
type Trial struct {
	Seed     uint64
	Members  int
	Detector detect.Factory
	Period   time.Duration
	Network  Network
	Machine  Machine
	Without  detect.Extras
	Spread   spread.Mode
	// Kills is how many crashes there are in all. A cluster never loses more
	// than a tenth of its members; then the trial goes on with a new one.
	Kills int
	// AtOnce is how many crash within one period; default a fortieth of all, so
	// that some lose those who watched them, but at most 200.
	AtOnce int
	// Watch is how long a crash is waited for before it counts as missed; default
	// 60 periods. Quiet is for how long members are watched before the first
	// crash, for their load and their mistakes; default 20 periods.
	Watch, Quiet time.Duration
	// Progress, if set, hears now and then how much of the whole is done.
	Progress func(share float64)
}

// Findings is what a Trial measured. Times are in periods.
type Findings struct {
	// Suspected is from a crash to the first accusation by anybody, DeadFirst
	// and DeadAll to the first and the last living member that holds it dead.
	Suspected, DeadFirst, DeadAll Sample
	// Spread is from the first accusation until so many of the living members no
	// longer hold the crashed one alive.
	Spread *Curve
	// Missed counts crashes that were not known everywhere in time.
	Missed int
	// Mistakes is how often a living member was accused, per member and period;
	// FalseDeaths counts those that anybody held dead.
	Mistakes    Rate
	FalseDeaths int
	// Sent is how many datagrams a member sends a period while nothing happens,
	// SentMost what the busiest does, Got the most that one gets; Bytes is their
	// mean payload sent.
	Sent, SentMost, Got, Bytes float64

	// mistaken counts accusations of the living, watched the members and periods
	// in which they might have been.
	mistaken int
	watched  float64
}

// crash is one that is being watched.
type crash struct {
	victim    int
	at        core.Instant
	suspected core.Instant // first, by anybody; 0 not yet
	deadFirst core.Instant
	deadLast  core.Instant
	learned   []core.Instant // when each member ceased to hold it alive, in order
	knows     []core.Status  // what each member holds of it
	dead      int
}

// run is one cluster of a Trial.
type run struct {
	trial   *Trial
	lab     *Lab
	found   *Findings
	crashes map[core.NodeID]*crash
	up      int
	// mistaken counts accusations of the living, memberPeriods how long they
	// were watched.
	mistaken      int
	memberPeriods float64
	falseDead     map[core.NodeID]bool
}

// Run carries the trial out, its clusters side by side on all cores. What it
// finds depends on the seed alone.
func (t Trial) Run() *Findings {
	t.defaults()
	each := max(1, t.Members/10)
	clusters := max(1, (t.Kills+each-1)/each)
	parts := make([]*Findings, clusters)
	SideBySide(clusters, t.Progress, func(i int, progress func(float64)) {
		parts[i] = t.cluster(i, min(each, t.Kills-i*each), progress)
	})
	found := &Findings{Spread: newCurve()}
	for _, f := range parts {
		found.add(f)
	}
	found.Mistakes = poissonRate(found.mistaken, int(found.watched))
	return found
}

// cluster is the part of a trial that one cluster is good for.
func (t Trial) cluster(i, kills int, progress func(float64)) *Findings {
	r := t.begin(uint64(i))
	if i == 0 {
		r.load()
	} else {
		r.pass(t.Quiet / 4)
	}
	for lost := 0; lost < kills; {
		n := min(kills-lost, t.AtOnce)
		r.kill(n)
		lost += n
		progress(float64(lost) / float64(kills))
	}
	f := r.found
	f.mistaken, f.watched, f.FalseDeaths = r.mistaken, r.memberPeriods, len(r.falseDead)
	return f
}

// atOnce bounds how many crashes are watched at a time: each takes nine bytes a
// member.
const atOnce = 200

// add adds what another cluster showed. Its load is not asked for.
func (f *Findings) add(g *Findings) {
	f.Suspected.join(&g.Suspected)
	f.DeadFirst.join(&g.DeadFirst)
	f.DeadAll.join(&g.DeadAll)
	f.Spread.join(g.Spread)
	f.Missed += g.Missed
	f.FalseDeaths += g.FalseDeaths
	f.mistaken += g.mistaken
	f.watched += g.watched
	if f.Sent == 0 {
		f.Sent, f.SentMost, f.Got, f.Bytes = g.Sent, g.SentMost, g.Got, g.Bytes
	}
}

func (t *Trial) defaults() {
	if t.Period == 0 {
		t.Period = time.Second
	}
	if t.AtOnce == 0 {
		t.AtOnce = min(max(1, t.Members/40), atOnce)
	}
	if t.Watch == 0 {
		t.Watch = 60 * t.Period
	}
	if t.Quiet == 0 {
		t.Quiet = 20 * t.Period
	}
}

func (t *Trial) begin(cluster uint64) *run {
	r := &run{
		trial: t, found: &Findings{Spread: newCurve()}, up: t.Members, crashes: map[core.NodeID]*crash{}, falseDead: map[core.NodeID]bool{},
		lab: New(Options{
			Seed: t.Seed + cluster<<32, Members: t.Members, Detector: t.Detector, Period: t.Period,
			Without: t.Without, Network: t.Network, Machine: t.Machine, Spread: t.Spread, Compact: true,
		}),
	}
	r.lab.OnClaim = r.claimed
	r.lab.OnChange = r.changed
	r.pass(4 * t.Period) // until round trips are known
	return r
}

// pass lets the time pass.
func (r *run) pass(d time.Duration) {
	r.lab.Run(d)
	r.memberPeriods += float64(r.up) * float64(d) / float64(r.trial.Period)
}

// load measures the traffic of a quiet cluster.
func (r *run) load() {
	t := r.trial
	before := make([]Traffic, t.Members)
	for i := range before {
		before[i] = r.lab.Traffic(i)
	}
	r.pass(t.Quiet)
	periods := float64(t.Quiet) / float64(t.Period)
	var sent, bytes uint64
	f := r.found
	for i, b := range before {
		now := r.lab.Traffic(i)
		sent, bytes = sent+now.Sent-b.Sent, bytes+now.SentBytes-b.SentBytes
		f.SentMost = max(f.SentMost, float64(now.Sent-b.Sent)/periods)
		f.Got = max(f.Got, float64(now.Got-b.Got)/periods)
	}
	f.Sent = float64(sent) / periods / float64(t.Members)
	f.Bytes = float64(bytes) / periods / float64(t.Members)
}

// kill lets so many random members crash, each at any time of one period, and
// watches until all living members hold them dead.
func (r *run) kill(n int) {
	t := r.trial
	var batch []*crash
	for len(batch) < n {
		v := r.lab.rand.IntN(t.Members)
		if !r.lab.Up(v) || r.crashes[ID(v)] != nil {
			continue
		}
		c := &crash{victim: v, knows: make([]core.Status, t.Members)}
		r.crashes[ID(v)] = c
		batch = append(batch, c)
		r.lab.After(time.Duration(r.lab.rand.Int64N(int64(t.Period))), func() {
			c.at = r.lab.now
			r.lab.Kill(v)
			r.up--
		})
	}
	r.pass(t.Period)
	over := func() bool {
		for _, c := range batch {
			if c.dead < r.up {
				return false
			}
		}
		return true
	}
	for began := r.lab.now; !over() && r.lab.now.Sub(began) < t.Watch; {
		r.pass(t.Period / 4)
	}
	for _, c := range batch {
		r.record(c)
	}
	r.pass(t.Period) // let the news come to rest
}

func (r *run) record(c *crash) {
	f := r.found
	periods := func(from, to core.Instant) float64 { return float64(to.Sub(from)) / float64(r.trial.Period) }
	if c.suspected != 0 {
		f.Suspected.Add(periods(c.at, c.suspected))
	}
	if c.dead < r.up {
		f.Missed++
		return
	}
	f.DeadFirst.Add(periods(c.at, c.deadFirst))
	f.DeadAll.Add(periods(c.at, c.deadLast))
	for _, share := range Shares() {
		k := max(1, min(len(c.learned), int(math.Ceil(share*float64(len(c.learned))))))
		f.Spread.at(share).Add(periods(c.suspected, c.learned[k-1]))
	}
}

// claimed sees every accusation when it is made.
func (r *run) claimed(at int, e *member.Evidence) bool {
	c := r.crashes[e.ID]
	switch {
	case !r.lab.Up(at):
	case c == nil || c.at == 0:
		r.mistaken++
	case c.suspected == 0:
		c.suspected = r.lab.now
	}
	return true
}

// changed follows who knows of a crash.
func (r *run) changed(at int, m *membership.Changed) {
	c := r.crashes[m.After.ID]
	if c == nil || c.at == 0 {
		if m.After.Status == core.Dead {
			r.falseDead[m.After.ID] = true
		}
		return
	}
	if !r.lab.Up(at) {
		return
	}
	now, before := r.lab.now, c.knows[at]
	c.knows[at] = m.After.Status
	if before <= core.Alive && m.After.Status > core.Alive {
		c.learned = append(c.learned, now)
	}
	if was, is := before == core.Dead, m.After.Status == core.Dead; is != was {
		c.dead += step(is)
		if c.deadFirst == 0 {
			c.deadFirst = now
		}
		c.deadLast = now
	}
}

func step(up bool) int {
	if up {
		return 1
	}
	return -1
}
