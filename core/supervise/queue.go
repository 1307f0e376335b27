package supervise

import (
	"slices"

	"hb/core"
)

// begin makes a process of an attempt.
func (m *Machine) begin(a *attempt) {
	m.busy++
	m.put(Fork{a.fence})
}

// beginNext begins what there is room for. Only the first is looked at: nothing
// overtakes it.
func (m *Machine) beginNext() {
	for len(m.queue) > 0 && m.busy < m.queue[0].abreast {
		a := m.queue[0]
		m.unqueue(a)
		m.begin(a)
	}
}

// Waits says whether an attempt is here and has not begun.
func (m *Machine) Waits(f core.Fence) bool {
	a := m.find(f)
	return a != nil && a.queued()
}

// queued says whether an attempt has not begun.
func (a *attempt) queued() bool { return a.abreast > 0 }

// unqueue takes an attempt that has not begun out of the queue; false: it has.
func (m *Machine) unqueue(a *attempt) bool {
	if !a.queued() {
		return false
	}
	a.abreast = 0
	m.queue = slices.DeleteFunc(m.queue, func(other *attempt) bool { return other == a })
	return true
}

// recall takes back an attempt that has not begun.
func (m *Machine) recall(f core.Fence) {
	if a := m.find(f); a != nil && m.unqueue(a) {
		m.remove(a)
		m.put(TellUnbegun{f})
	}
}

// recallAll takes back all of them.
func (m *Machine) recallAll() {
	for len(m.queue) > 0 {
		m.recall(m.queue[0].fence)
	}
}
