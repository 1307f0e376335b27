package runner

import (
	"cmp"
	"slices"

	"hb/core"
)

// find gives the live attempt with a fence.
func (m *Machine) find(f core.Fence) (*attempt, bool) {
	at, ok := m.place(f)
	if !ok {
		return nil, false
	}
	return m.live[at], true
}

func (m *Machine) place(f core.Fence) (int, bool) {
	return slices.BinarySearchFunc(m.live, f, func(a *attempt, f core.Fence) int { return cmp.Compare(a.fence, f) })
}

func (m *Machine) insert(a *attempt) {
	at, _ := m.place(a.fence)
	m.live = slices.Insert(m.live, at, a)
	m.census[a.phase]++
	m.tasks[a.task]++
	m.last = max(m.last, a.fence)
}

func (m *Machine) remove(a *attempt) {
	at, _ := m.place(a.fence)
	m.live = slices.Delete(m.live, at, at+1)
	m.census[a.phase]--
	if m.tasks[a.task]--; m.tasks[a.task] == 0 {
		delete(m.tasks, a.task)
	}
}

// move brings an attempt into another phase.
func (m *Machine) move(a *attempt, to phase) {
	m.census[a.phase]--
	m.census[to]++
	a.phase = to
}
