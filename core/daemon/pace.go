package daemon

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/procfs"

	"hb/core"
)

// pace is how the loop tells the sampler that it is awake, and how busy it is.
type pace struct {
	steps atomic.Int64 // of the machine, so far
	due   chan struct{}
	last  core.Instant // when a sample was last due; the loop's own
}

func newPace() *pace { return &pace{due: make(chan struct{}, 1)} }

// step notes one step, and wakes the sampler if it has slept long enough.
func (p *pace) step(now core.Instant) {
	p.steps.Add(1)
	if now.Sub(p.last) < samplePeriod {
		return
	}
	p.last = now
	select {
	case p.due <- struct{}{}:
	default:
	}
}

const (
	// calmRate is how many steps a second an idle node takes at most. The leader
	// of three voters takes 30, of seven 70.
	calmRate = 200
	// calmFor is for how long it must have been calm to be taken for idle.
	calmFor = 5 * time.Second
	// tidyEvery is how often a resting process looks whether it holds so much more
	// than it did in its first such time, tidyFrom, that it is worth its while to give
	// that back: what a member that died, or a command, needed for a moment stays
	// otherwise.
	tidyEvery = 10 * time.Second
	tidyFrom  = 2 << 20
)

// rest is what a process does that has nothing to do for the time being. It
// belongs to the sampler.
//
// It works on one processor: with more, each datagram wakes a second thread that
// finds nothing to do. That is a third of an idle node's processor time, and no
// loss at such a pace. When it begins to rest it gives back the memory that was
// needed until then: for the start, or for a burst of tasks.
type rest struct {
	begin, end func()
	resident   func() int64 // bytes of memory
	resting    bool
	tidied     core.Instant // when it began to rest, or last looked how much it holds
	kept       int64        // what it needs while it rests; 0 not yet known
	steps      int64        // when last looked
	looked     core.Instant // when that was
	calm       core.Instant // since when nothing has gone on
}

// newRest is the rest of a process that is a node and nothing else. Whoever has
// set GOMAXPROCS has decided.
func newRest() *rest {
	processors := runtime.GOMAXPROCS(0)
	set := os.Getenv("GOMAXPROCS") != ""
	return &rest{
		begin: func() {
			if !set {
				runtime.GOMAXPROCS(1)
			}
			debug.FreeOSMemory()
			dropClean()
		},
		resident: resident,
		end: func() {
			if !set {
				runtime.GOMAXPROCS(processors)
			}
		},
	}
}

// resident is how much memory this process holds, in bytes; 0 where the kernel does
// not say.
func resident() int64 {
	self, err := procfs.Self()
	if err != nil {
		return 0
	}
	st, err := self.Stat()
	if err != nil {
		return 0
	}
	return int64(st.ResidentMemory())
}

// look decides by the steps so far whether to rest.
func (r *rest) look(now core.Instant, steps int64) {
	if r.looked == 0 {
		r.calm = now
	}
	if took := now.Sub(r.looked).Seconds(); float64(steps-r.steps) > calmRate*max(took, 1) {
		r.calm = now
		if r.resting {
			r.resting = false
			r.end()
		}
	}
	r.looked, r.steps = now, steps
	switch {
	case !r.resting && now.Sub(r.calm) >= calmFor:
		r.resting = true
		r.rest(now)
	case r.resting && now.Sub(r.tidied) >= tidyEvery:
		r.tidy(now)
	}
}

func (r *rest) rest(now core.Instant) {
	r.tidied, r.kept = now, 0
	r.begin()
}

// tidy begins anew with the rest if it has come to hold much more than it needs. What
// that is shows some time after the beginning.
func (r *rest) tidy(now core.Instant) {
	r.tidied = now
	switch holds := r.resident(); {
	case r.kept == 0:
		r.kept = holds
	case holds > r.kept+tidyFrom:
		r.rest(now)
	}
}
