package runner

import "hb/core"

// Running is how many processes run here now, or are about to.
func (m *Machine) Running() int {
	c := m.census
	begun := c.occupied() - c[handed]
	return begun + max(0, min(c[handed], m.opt.Slots-begun))
}

// Begun is an attempt whose process runs, and since when; core.Never: since an
// earlier run of this node.
type Begun struct {
	Fence core.Fence
	At    core.Instant
}

// Holds says whether the attempt is here and has not ended.
func (m *Machine) Holds(f core.Fence) bool {
	a, ok := m.find(f)
	return ok && a.phase != reporting
}

// Fences are the attempts that are here and have not ended, sorted. An end
// counts once it is on disk.
func (m *Machine) Fences() []core.Fence {
	fences := make([]core.Fence, 0, len(m.live))
	for _, a := range m.live {
		if a.phase != reporting {
			fences = append(fences, a.fence)
		}
	}
	return fences
}

// LastGrant is the highest fence that was granted here: Load.Granted.
func (m *Machine) LastGrant() core.Fence { return m.last }

// Output finds the newest attempt of a task whose output is spooled here, and
// whether it has ended.
func (m *Machine) Output(task core.TaskID) (f core.Fence, ended, ok bool) {
	for _, a := range m.live {
		if a.task == task && a.phase > intending && a.fence > f {
			f, ended, ok = a.fence, a.phase == reporting, true
		}
	}
	if ok {
		return f, ended, true
	}
	f, ok = m.past.output(task)
	return f, true, ok
}
