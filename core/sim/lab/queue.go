package lab

import "hb/core"

// kind is what an event is.
type kind uint8

const (
	tick    kind = iota // a clock of a machine runs out
	packet              // a datagram arrives
	refusal             // the host of a dead process answers a datagram
	stream              // rows arrive over a stream
	call                // the experiment does something
)

// event is something that happens at an instant; events of one instant happen
// in the order in which they were added.
type event struct {
	at   core.Instant
	seq  uint64
	kind kind
	// host is where it happens, from where it comes.
	host, from int32
	// epoch tells the probe of which from a packet belongs to, when probes are
	// weighed (weigh.go).
	owner int32
	epoch uint32
	data  []byte
	cast  bool // by multicast
	// served says that a processor of a shared machine has been free for it.
	served bool
	what   any // rows or a func()
}

// queue is a heap of events, earliest first, with four children a node: it is
// flatter than a binary one and kinder to the cache.
type queue struct {
	events []event
	seq    uint64
}

func (q *queue) add(e event) {
	q.seq++
	e.seq = q.seq
	q.events = append(q.events, e)
	i := len(q.events) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&q.events[parent]) {
			break
		}
		q.events[i] = q.events[parent]
		i = parent
	}
	q.events[i] = e
}

// take removes the earliest event; the queue must not be empty.
func (q *queue) take() event {
	first := q.events[0]
	last := len(q.events) - 1
	moved := q.events[last]
	q.events[last] = event{}
	q.events = q.events[:last]
	if last == 0 {
		return first
	}
	i := 0
	for {
		least := 4*i + 1
		if least >= last {
			break
		}
		for c := least + 1; c < min(4*i+5, last); c++ {
			if q.events[c].before(&q.events[least]) {
				least = c
			}
		}
		if !q.events[least].before(&moved) {
			break
		}
		q.events[i] = q.events[least]
		i = least
	}
	q.events[i] = moved
	return first
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }
