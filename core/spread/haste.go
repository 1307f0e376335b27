package spread

import (
	"math/rand/v2"
	"slices"
	"time"

	"hb/core"
	"hb/core/member"
)

// A bulletin goes to Fanout random members every Gap while there is news. News that
// has never been sent need not wait for that: up to Ahead bulletins leave before
// their time, and are made good by one with each Gap that passes. So what few know
// is passed on from hand to hand at once, and a storm of news goes at its pace.
const (
	Fanout = 3
	Gap    = 50 * time.Millisecond
	Ahead  = 4
)

// Haste says when bulletins leave, and to whom.
type Haste struct {
	rand *rand.Rand
	gap  time.Duration
	next core.Instant
	// ahead is how many left before their time, and are not made good.
	ahead int
	// first are told before random members: the accused.
	first []core.NodeID
	to    []member.Row // the latest receivers
	// ticking says that bulletins leave only every whole gap, news or none; idle
	// that there was none.
	ticking, idle bool
}

// NewHaste makes one that may send at once, and then every gap.
func NewHaste(r *rand.Rand, gap time.Duration) *Haste { return &Haste{rand: r, gap: gap} }

// NewTicking makes one that sends by a clock of its own, as programs do that
// gossip from a timer, and does not hurry where it has been idle: for experiments.
func NewTicking(r *rand.Rand, gap time.Duration) *Haste {
	return &Haste{rand: r, gap: gap, ticking: true, next: core.Instant(r.Int64N(int64(gap)))}
}

// First puts a member at the front of the next bulletin's receivers.
func (h *Haste) First(id core.NodeID) {
	if !slices.Contains(h.first, id) {
		h.first = append(h.first, id)
	}
}

// Next is when the next bulletin is due; Never without news or receivers.
func (h *Haste) Next(q *Queue, t *member.Table) core.Instant {
	if q.Empty() || t.Living() <= 1 && len(h.first) == 0 {
		return core.Never
	}
	if h.hurries(q) {
		return 0
	}
	return h.next
}

// hurries says that there is news which does not wait for its time.
func (h *Haste) hurries(q *Queue) bool { return !h.ticking && h.ahead < Ahead && q.Fresh() }

// Due gives the members to send a bulletin to now: none before its time or
// without news. They are valid until the next call.
func (h *Haste) Due(now core.Instant, q *Queue, t *member.Table) []member.Row {
	if h.ticking && h.idle && now > h.next { // the ticks since then found nothing to send
		h.next = h.next.Add((now.Sub(h.next)/h.gap + 1) * h.gap)
	}
	h.idle = q.Empty()
	if now < h.Next(q, t) {
		return nil
	}
	if now < h.next {
		h.ahead++
	} else {
		h.ahead = int(max(0, int64(h.ahead)-1-int64(now.Sub(h.next)/h.gap)))
		h.next = now.Add(h.gap)
	}
	to := h.to[:0]
	for _, id := range h.first {
		if row, ok := t.Get(id); ok {
			to = append(to, row)
		}
	}
	h.first = h.first[:0]
	self := t.Self().ID
	h.to = t.AppendPick(to, h.rand, Fanout, func(r member.Row) bool {
		return r.ID != self && r.Living()
	})
	return h.to
}
