package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

const (
	// names is how many names learned tasks have.
	names = 10
	// runsVary is how much runs of a name vary.
	runsVary = 0.2
	// strengthOff is how far off a member's idea of its own speed is, when nothing
	// is known.
	strengthOff = 0.2

	// meanSize is that of all distributions, in seconds at speed 1.
	meanSize = 10.0
	// utilisation is the load of Poisson arrivals.
	utilisation = 0.8
	// othersStay is how long others use a member alike, on average.
	othersStay = 20 * time.Second
)

// workload is members and tasks, the same for every policy.
type workload struct {
	members   []machine
	tasks     []task
	straggler int // -1: none
	turned    time.Duration
}

// task is one that is to be run.
type task struct {
	size    float64
	arrives time.Duration
	name    string
	weight  float64 // as told; 0: nothing is
}

func newWorkload(c *Case) *workload {
	luck := rand.New(rand.NewPCG(c.Seed, 0xba1a))
	w := &workload{straggler: -1}
	draw := sizes(c.Sizes)
	typical := make([]float64, names)
	for i := range typical {
		typical[i] = draw(luck)
	}
	total := 0.0
	for range c.TasksPerSlot * c.Slots * c.Members {
		t := task{name: "job", size: draw(luck)}
		if c.Estimates == Learned {
			n := luck.IntN(names)
			t.name, t.size = fmt.Sprintf("job%d", n), typical[n]*off(luck, runsVary)
		} else {
			t.weight = t.size / c.ordinary() * off(luck, c.Error)
		}
		if c.Told {
			t.weight = t.size / c.ordinary()
		}
		total += t.size
		w.tasks = append(w.tasks, t)
	}
	speed := 0.0
	for i := range c.Members {
		m := machine{slots: c.Slots, speed: c.speed(i), told: 1, phase: time.Duration(luck.Float64() * float64(c.Stale))}
		if c.Estimates == Learned {
			m.told = off(luck, strengthOff)
		}
		if c.Told {
			m.told = 1
		}
		speed += m.speed * float64(m.slots)
		w.members = append(w.members, m)
	}
	span := time.Duration(total / speed * float64(time.Second))
	if c.Arrivals == Poisson {
		at := 0.0
		for i := range w.tasks {
			at += luck.ExpFloat64() * span.Seconds() / utilisation / float64(len(w.tasks))
			w.tasks[i].arrives = time.Duration(at * float64(time.Second))
		}
	}
	if c.Straggler > 0 {
		w.straggler, w.turned = luck.IntN(c.Members), span/3
	}
	for i := range w.members {
		w.members[i].live(c, luck, i == w.straggler, w.turned)
	}
	return w
}

// speed is that of member i, ordinary that of the median one, which weights mean.
func (c *Case) speed(i int) float64 {
	return c.Low + (c.High-c.Low)*float64(i)/float64(max(1, c.Members-1))
}

func (c *Case) ordinary() float64 { return c.speed(c.Members / 2) }

// off is a factor whose logarithm has this standard deviation, and is zero on
// average.
func off(luck *rand.Rand, deviation float64) float64 { return math.Exp(deviation * luck.NormFloat64()) }

// sizes gives a distribution of mean meanSize.
func sizes(kind string) func(*rand.Rand) float64 {
	switch kind {
	case LogNormal:
		return func(r *rand.Rand) float64 { return meanSize * math.Exp(r.NormFloat64()-0.5) }
	case Bimodal: // nine short ones to a long one, which have half of the work
		return func(r *rand.Rand) float64 {
			if r.IntN(10) == 0 {
				return meanSize * 5
			}
			return meanSize * 5 / 9
		}
	case Pareto:
		const alpha = 1.5
		return func(r *rand.Rand) float64 { return meanSize * (alpha - 1) / alpha * math.Pow(1-r.Float64(), -1/alpha) }
	}
	return func(r *rand.Rand) float64 { return meanSize * (0.1 + 1.8*r.Float64()) }
}

// machine is a member: what it can do, when, and what it says of itself.
type machine struct {
	slots int
	speed float64
	told  float64       // what it believes of its speed, over the truth
	phase time.Duration // of its reports
	// spells are the times of one rate, in order; the last goes on for ever.
	spells []spell
}

// spell is a time in which a machine does so much of its speed.
type spell struct {
	from   time.Duration
	rate   float64 // of the speed
	others float64 // the share that others have
	slow   float64 // how many times slower it is otherwise
}

// live draws how a machine fares.
func (m *machine) live(c *Case, luck *rand.Rand, straggler bool, turned time.Duration) {
	others := func() float64 {
		if c.Others == 0 {
			return 0
		}
		return 2 * c.Others * luck.Float64()
	}
	const long = 10_000 // spells, more than any load takes
	m.spells = []spell{{rate: 1, others: others(), slow: 1}}
	for at := time.Duration(0); c.Others > 0 && len(m.spells) < long; {
		at += time.Duration(luck.ExpFloat64() * float64(othersStay))
		m.spells = append(m.spells, spell{from: at, others: others(), slow: 1})
	}
	if straggler {
		i := m.at(turned) + 1
		with := m.spells[i-1]
		with.from = turned
		m.spells = append(m.spells[:i:i], append([]spell{with}, m.spells[i:]...)...)
		for ; i < len(m.spells); i++ {
			m.spells[i].slow = c.Straggler
		}
	}
	for i := range m.spells {
		m.spells[i].rate = (1 - m.spells[i].others) / m.spells[i].slow
	}
}

// at is the spell of a moment.
func (m *machine) at(t time.Duration) int {
	low, high := 0, len(m.spells)
	for high-low > 1 {
		if mid := (low + high) / 2; m.spells[mid].from <= t {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// done is when a core that begins at a moment has done so much work.
func (m *machine) done(start time.Duration, work float64) time.Duration {
	for i := m.at(start); ; i++ {
		rate := m.speed * m.spells[i].rate
		takes := time.Duration(work / rate * float64(time.Second))
		if i+1 == len(m.spells) || start+takes <= m.spells[i+1].from {
			return start + takes
		}
		work -= rate * (m.spells[i+1].from - start).Seconds()
		start = m.spells[i+1].from
	}
}

// capacity is what all its cores can do between two moments.
func (m *machine) capacity(from, to time.Duration) (work float64) {
	for i := m.at(from); i < len(m.spells) && m.spells[i].from < to; i++ {
		end := to
		if i+1 < len(m.spells) {
			end = min(to, m.spells[i+1].from)
		}
		work += float64(m.slots) * m.speed * m.spells[i].rate * (end - max(from, m.spells[i].from)).Seconds()
	}
	return work
}
