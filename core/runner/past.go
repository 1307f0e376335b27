package runner

import (
	"slices"

	"hb/core"
)

// past is what the runner remembers of attempts that it is done with: the
// newest Remembered fences, and that everything up to floor is done with too.
type past struct {
	fences []core.Fence // sorted
	floor  core.Fence
	tasks  map[core.Fence]core.TaskID // of fences
	newest map[core.TaskID]doneAttempt

	spools  map[core.Fence]core.Instant // output on disk, and until when
	expiry  []core.Fence                // the order in which it goes
	evicted []core.Fence                // output of fences forgotten meanwhile
}

type doneAttempt struct {
	fence core.Fence
	n     uint32
}

func newPast() past {
	return past{
		tasks: map[core.Fence]core.TaskID{}, newest: map[core.TaskID]doneAttempt{}, spools: map[core.Fence]core.Instant{},
	}
}

// done says whether a fence is done with.
func (p *past) done(f core.Fence) bool {
	_, known := p.tasks[f]
	return known || f <= p.floor
}

// add remembers a fence; n is zero when the attempt never came here.
func (p *past) add(f core.Fence, task core.TaskID, n uint32) {
	if p.done(f) {
		return
	}
	at, _ := slices.BinarySearch(p.fences, f)
	p.fences = slices.Insert(p.fences, at, f)
	p.tasks[f] = task
	if n > p.newest[task].n {
		p.newest[task] = doneAttempt{f, n}
	}
	for len(p.fences) > Remembered {
		p.evict()
	}
}

// evict forgets the lowest fence: from now on it is below the floor.
func (p *past) evict() {
	f := p.fences[0]
	p.fences, p.floor = p.fences[1:], f
	if task := p.tasks[f]; p.newest[task].fence == f {
		delete(p.newest, task)
	}
	delete(p.tasks, f)
	if _, kept := p.spools[f]; kept {
		delete(p.spools, f)
		p.evicted = append(p.evicted, f)
	}
}

// keepSpool keeps the output of a fence until then. Times only rise.
func (p *past) keepSpool(f core.Fence, until core.Instant) {
	if _, known := p.tasks[f]; !known {
		p.evicted = append(p.evicted, f)
		return
	}
	p.spools[f] = until
	p.expiry = append(p.expiry, f)
}

// output finds the newest attempt of a task whose output is still there.
func (p *past) output(task core.TaskID) (core.Fence, bool) {
	done := p.newest[task]
	_, kept := p.spools[done.fence]
	return done.fence, kept
}

// dropOld gives the fences whose output is to go.
func (p *past) dropOld(now core.Instant) []core.Fence {
	old := p.evicted
	p.evicted = nil
	for len(p.expiry) > 0 {
		f := p.expiry[0]
		until, kept := p.spools[f]
		if kept && now < until {
			break
		}
		p.expiry = p.expiry[1:]
		if kept {
			delete(p.spools, f)
			old = append(old, f)
		}
	}
	return old
}

// next is when dropOld has something to give.
func (p *past) next() core.Instant {
	if len(p.expiry) == 0 {
		return core.Never
	}
	if until, kept := p.spools[p.expiry[0]]; kept {
		return until
	}
	return 0
}
