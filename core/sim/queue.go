package sim

import "time"

// moment is a point of virtual time: how long the world has existed. No host
// knows it; each has its own core.Instant.
type moment = time.Duration

// item is something that happens at a moment; items of one moment happen in the
// order in which they were added.
type item struct {
	at  moment
	seq uint64
	do  func()
}

// queue is a binary heap of items, earliest first.
type queue struct {
	items []item
	seq   uint64
}

func (q *queue) len() int { return len(q.items) }

func (q *queue) add(at moment, do func()) {
	q.seq++
	q.items = append(q.items, item{at: at, seq: q.seq, do: do})
	i := len(q.items) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !q.less(i, parent) {
			return
		}
		q.items[i], q.items[parent] = q.items[parent], q.items[i]
		i = parent
	}
}

// take removes the earliest item; the queue must not be empty.
func (q *queue) take() item {
	first := q.items[0]
	last := len(q.items) - 1
	q.items[0] = q.items[last]
	q.items[last] = item{}
	q.items = q.items[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && q.less(child+1, child) {
			child++
		}
		if !q.less(child, i) {
			return first
		}
		q.items[i], q.items[child] = q.items[child], q.items[i]
		i = child
	}
}

func (q *queue) less(i, j int) bool {
	a, b := &q.items[i], &q.items[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}
