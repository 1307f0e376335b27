// Package agenda is what happens in virtual time, and when: a heap of functions,
// the earliest first. Those of one time happen in the order in which they were
// added, so that a run can be repeated.
package agenda

// Agenda is a binary heap; the zero value is empty. T is a time.
type Agenda[T ~int64] struct {
	items []item[T]
	seq   uint64
}

type item[T ~int64] struct {
	at  T
	seq uint64
	do  func()
}

// Len is how much is still to happen.
func (a *Agenda[T]) Len() int { return len(a.items) }

// Added is how much was ever added.
func (a *Agenda[T]) Added() uint64 { return a.seq }

// Next is when the earliest is to happen; the agenda must not be empty.
func (a *Agenda[T]) Next() T { return a.items[0].at }

// Add puts something on the agenda.
func (a *Agenda[T]) Add(at T, do func()) {
	a.seq++
	a.items = append(a.items, item[T]{at: at, seq: a.seq, do: do})
	i := len(a.items) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !a.less(i, parent) {
			return
		}
		a.items[i], a.items[parent] = a.items[parent], a.items[i]
		i = parent
	}
}

// Take removes the earliest; the agenda must not be empty.
func (a *Agenda[T]) Take() (at T, do func()) {
	first := a.items[0]
	last := len(a.items) - 1
	a.items[0] = a.items[last]
	a.items[last] = item[T]{}
	a.items = a.items[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first.at, first.do
		}
		if child+1 < last && a.less(child+1, child) {
			child++
		}
		if !a.less(child, i) {
			return first.at, first.do
		}
		a.items[i], a.items[child] = a.items[child], a.items[i]
		i = child
	}
}

func (a *Agenda[T]) less(i, j int) bool {
	p, q := &a.items[i], &a.items[j]
	return p.at < q.at || p.at == q.at && p.seq < q.seq
}
