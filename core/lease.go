package core

import "time"

// The lease of what only one may have: exclusive attempts and locks. Whoever has it
// may go on for Lease from the moment at which the question was sent that the
// leader has answered with yes; the leader lets LeaseGrace more pass, for clocks
// that go at other rates and for processes that take a moment to die, before it
// takes it for ended. LeaseLeast is how much of a lease is needed to begin.
const (
	Lease      = 10 * time.Second
	LeaseGrace = 2 * time.Second
	LeaseLeast = 2 * time.Second
)

// LeaseEvery is how often leases are renewed: several times in each, so that a
// lost message or a change of leader ends none.
const LeaseEvery = 1500 * time.Millisecond

// LeaseQuestions are those under way by which leases are renewed.
type LeaseQuestions struct {
	// Due is when the next is to be asked; Never while nobody needs one.
	Due Instant

	last uint64
	sent map[uint64]Instant
}

// NewLeaseQuestions has none under way and none due.
func NewLeaseQuestions() LeaseQuestions {
	return LeaseQuestions{Due: Never, sent: map[uint64]Instant{}}
}

// Ask numbers a question that is sent now, and sets when the next is due.
func (q *LeaseQuestions) Ask(now Instant) (id uint64) {
	for id, sent := range q.sent { // each on its own
		if now >= sent.Add(Lease) {
			delete(q.sent, id)
		}
	}
	q.last++
	q.sent[q.last] = now
	q.WaitFrom(now)
	return q.last
}

// WaitFrom sets when the next is due if none is asked now.
func (q *LeaseQuestions) WaitFrom(now Instant) { q.Due = now.Add(LeaseEvery) }

// Answered is until when a yes to a question counts: from when it was asked,
// however late the answer comes. A question is answered once.
func (q *LeaseQuestions) Answered(id uint64) (until Instant, ok bool) {
	sent, ok := q.sent[id]
	delete(q.sent, id)
	return sent.Add(Lease), ok
}
