package daemon

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

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
	resting    bool
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
		end: func() {
			if !set {
				runtime.GOMAXPROCS(processors)
			}
		},
	}
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
	if !r.resting && now.Sub(r.calm) >= calmFor {
		r.resting = true
		r.begin()
	}
}
