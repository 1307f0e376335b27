package daemon

import (
	"sync"

	"hb/core/node"
)

// queueLength bounds what waits for the loop. A step takes microseconds, so a
// full queue means that the machine is overloaded: streams and clients then
// wait their turn, datagrams are dropped like on any overloaded network.
const queueLength = 1024

// input is one event on its way to the loop, with the client who asked it.
type input struct {
	ev     node.Event
	client *client
	done   func() // called when the loop has taken it; nil: nobody waits for that
}

// queue brings events from all goroutines to the loop.
type queue struct {
	in   chan input
	done chan struct{} // closed when the loop takes no more
}

func newQueue() *queue {
	return &queue{in: make(chan input, queueLength), done: make(chan struct{})}
}

// put waits for room; false when the loop has ended.
func (q *queue) put(i input) bool {
	select {
	case q.in <- i:
		return true
	case <-q.done:
		return false
	}
}

// tell puts an event.
func (q *queue) tell(ev node.Event) bool { return q.put(input{ev: ev}) }

// offer drops the event when there is no room, and says so.
func (q *queue) offer(ev node.Event) bool {
	select {
	case q.in <- input{ev: ev}:
		return true
	default:
		return false
	}
}

// turnAway takes what still comes once the loop has ended, until over is closed:
// a client among it must not wait for an answer for ever.
func (q *queue) turnAway(over <-chan struct{}) {
	for {
		select {
		case i := <-q.in:
			if i.client != nil {
				i.client.end()
			}
		case <-over:
			return
		}
	}
}

// mailbox carries things from the loop, which must never wait, to one
// goroutine. Whoever puts decides by the answer when it holds too much.
type mailbox[T any] struct {
	mu     sync.Mutex
	items  []T
	closed bool
	wake   chan struct{}
}

func newMailbox[T any]() *mailbox[T] { return &mailbox[T]{wake: make(chan struct{}, 1)} }

// put adds one and says how many wait now.
func (m *mailbox[T]) put(item T) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.items = append(m.items, item)
		m.nudge()
	}
	return len(m.items)
}

// len is how many wait.
func (m *mailbox[T]) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items)
}

// close says that no more will come; what is there can still be taken.
func (m *mailbox[T]) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.nudge()
}

func (m *mailbox[T]) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take waits for something and gives all there is; false when it was closed and
// is empty, or when stop was closed.
func (m *mailbox[T]) take(stop <-chan struct{}) ([]T, bool) {
	for {
		if items, closed := m.all(); len(items) > 0 || closed {
			return items, len(items) > 0
		}
		select {
		case <-m.wake:
		case <-stop:
			return nil, false
		}
	}
}

func (m *mailbox[T]) all() (items []T, closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	items, m.items = m.items, nil
	return items, m.closed
}
