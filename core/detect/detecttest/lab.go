package detecttest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/agenda"
	"hb/core/detect"
	"hb/core/member"
)

// Options says which world to make.
type Options struct {
	// New makes the detectors.
	New detect.Factory
	// Members is how many there are. They know each other from the start.
	Members int
	// Seed is where all chance comes from.
	Seed uint64
	// Without are the mechanisms that the detectors leave out.
	Without detect.Extras
	// Spread carries each claim to all members, without loss; else a member
	// hears only what rides on packets: that it is accused, and others'
	// refutations.
	Spread bool
	// Loss is which packets are lost; nil for none.
	Loss Loss
}

// Period is T of every detector in a Lab.
const Period = time.Second

// delay is the mean one-way delay of a packet; it is uniform between half and
// one and a half of it.
const delay = time.Millisecond

// Lab is a world of detectors. Members are counted from 0.
type Lab struct {
	options Options
	rand    *rand.Rand
	faults  *rand.Rand // of a trace of faults, apart from all other chance
	now     core.Instant
	queue   agenda.Agenda[core.Instant]
	members []*station
	cut     map[[2]int]bool
	found   []Finding
}

// Finding is one member's table changing its mind about another member.
type Finding struct {
	At        time.Duration // since the world began
	By, About int
	Status    core.Status
	// Own says that By found it out by itself.
	Own bool
}

// station is one member.
type station struct {
	i        int
	row      member.Row
	table    *member.Table
	detector detect.Detector
	up       bool
	paused   bool
	mail     []func()
	tick     core.Instant // the tick that is scheduled
	sent     int
	got      int
	remarks  []detect.Unreachable
}

const begin = core.Instant(time.Hour)

// New makes a world of members that have all just come alive.
func New(o Options) *Lab {
	l := &Lab{options: o, rand: rand.New(rand.NewPCG(o.Seed, 11)), faults: rand.New(rand.NewPCG(o.Seed, 12)), now: begin, cut: map[[2]int]bool{}}
	for i := range o.Members {
		row := member.Row{
			ID: id(i), Name: fmt.Sprintf("n%d", i), Instance: 1, Status: core.Alive,
			Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 7117),
		}
		l.members = append(l.members, &station{i: i, row: row, up: true, tick: core.Never})
	}
	for _, s := range l.members {
		s.table = member.New(s.row)
		for _, other := range l.members {
			s.table.Merge(l.now, member.Evidence{Row: other.row})
		}
		l.start(s)
	}
	return l
}

// start makes a member's detector of its table.
func (l *Lab) start(s *station) {
	s.detector = l.options.New(detect.Options{
		Table: s.table, Period: Period, Now: l.now, Without: l.options.Without,
		Rand: rand.New(rand.NewPCG(l.options.Seed, l.rand.Uint64())),
	})
	l.schedule(s)
}

// id is the identity of the member with a number. Higher numbers have higher
// IDs.
func id(i int) core.NodeID { return core.NodeID(i + 1) }

// Run lets time pass.
func (l *Lab) Run(d time.Duration) {
	end := l.now.Add(d)
	for l.queue.Len() > 0 && l.queue.Next() <= end {
		at, do := l.queue.Take()
		l.now = at
		do()
	}
	l.now = end
}

// Now is the time since the world began.
func (l *Lab) Now() time.Duration { return l.now.Sub(begin) }

// Crash ends a member's process. Its host does not refuse packets.
func (l *Lab) Crash(members ...int) {
	for _, i := range members {
		l.members[i].up = false
	}
}

// Pause stops a member's process for a while. Its mail waits; it ticks first
// when it goes on, which is the worst order.
func (l *Lab) Pause(i int, d time.Duration) {
	s := l.members[i]
	s.paused = true
	l.after(d, func() {
		s.paused, s.tick = false, core.Never
		l.step(s, detect.Tick{})
		mail := s.mail
		s.mail = nil
		for _, read := range mail {
			read()
		}
	})
}

// Cut stops packets from one member to another, in that direction; heal lets
// them pass again.
func (l *Lab) Cut(from, to int) { l.cut[[2]int{from, to}] = true }

// Heal ends all cuts.
func (l *Lab) Heal() { clear(l.cut) }

// Deafen cuts everything to a member except what comes from some.
func (l *Lab) Deafen(i int, except ...int) {
	for from := range l.members {
		l.Cut(from, i)
	}
	for _, from := range except {
		delete(l.cut, [2]int{from, i})
	}
}

// Elect tells all members who leads the log.
func (l *Lab) Elect(i int) {
	for _, s := range l.members {
		l.step(s, detect.Leads{ID: id(i)})
	}
}

// Found is everything that members came to believe of others, in order.
func (l *Lab) Found() []Finding { return l.found }

// Status is what a member believes of another.
func (l *Lab) Status(by, about int) core.Status {
	row, _ := l.members[by].table.Get(id(about))
	return row.Status
}

// Detector is a member's; it may be asked, not stepped.
func (l *Lab) Detector(i int) detect.Detector { return l.members[i].detector }

// Up says whether a member's process runs.
func (l *Lab) Up(i int) bool { return l.members[i].up }

// Sent and Got count a member's packets.
func (l *Lab) Sent(i int) int { return l.members[i].sent }

// Got counts the packets that reached a member.
func (l *Lab) Got(i int) int { return l.members[i].got }

// Remarks are what a member's detector said of members it may not judge.
func (l *Lab) Remarks(i int) []detect.Unreachable { return l.members[i].remarks }

// Chance draws from 0 to n−1 for a trace of faults: the same for all kinds,
// whatever else they draw.
func (l *Lab) Chance(n int) int { return l.faults.IntN(n) }

func (l *Lab) after(d time.Duration, do func()) {
	l.queue.Add(l.now.Add(d), do)
}
