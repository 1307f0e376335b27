package spread

import (
	"math"
	"slices"

	"hb/core"
	"hb/core/member"
	"hb/core/wire"
)

// Lambda is λ: news is sent ⌈λ·ln(N+1)⌉ times by each who learns it.
const Lambda = 3

// maxAccusers is how many accusers of one member travel.
const maxAccusers = 4

// class orders the news of a packet.
type class int

const (
	refutation class = iota // of this node itself
	accusation              // suspect, dead
	life                    // alive, joined, refuted
	departure               // left
	classes
)

// item is news that is still to be sent.
type item struct {
	row  member.Row
	news wire.News
	sent int
	gone bool // superseded or sent often enough
}

// Queue holds the news that this node still passes on.
type Queue struct {
	self core.NodeID
	// levels[c][n] are the items of class c that were sent n times, oldest
	// first; items that are gone linger until they are met.
	levels [classes][][]*item
	// about finds the items that are not gone.
	about map[core.NodeID][]*item
	taken []*item // by Fill, to be used again
}

// NewQueue makes the empty queue of a node.
func NewQueue(self core.NodeID) *Queue {
	return &Queue{self: self, about: map[core.NodeID][]*item{}}
}

// Empty says that there is nothing to pass on.
func (q *Queue) Empty() bool { return len(q.about) == 0 }

// Fresh says that there is news which has never been sent.
func (q *Queue) Fresh() bool {
	for _, levels := range q.levels {
		if len(levels) > 0 && slices.ContainsFunc(levels[0], func(it *item) bool { return !it.gone }) {
			return true
		}
	}
	return false
}

// Limit is how often news is sent among so many members.
func Limit(members int) int {
	return int(math.Ceil(Lambda * math.Log(float64(members)+1)))
}

// Push adds news of a row, in place of whatever it overrides.
func (q *Queue) Push(row member.Row) {
	for _, it := range q.about[row.ID] {
		if it.row.Outranks(row) {
			return
		}
	}
	same := slices.DeleteFunc(q.about[row.ID], func(it *item) bool {
		it.gone = row.Outranks(it.row) || it.row.Accuser == row.Accuser
		return it.gone
	})
	if len(same) < maxAccusers {
		it := &item{row: row, news: member.ToNews(row)}
		same = append(same, it)
		q.place(it)
	}
	q.about[row.ID] = same
}

// Settle drops the news of members that came and never had to refute anything:
// this node has reason to believe that all have heard it.
func (q *Queue) Settle() {
	for id, items := range q.about { // each by itself: the order does not matter
		left := slices.DeleteFunc(items, func(it *item) bool {
			it.gone = it.gone || it.row.Incarnation == 0 && q.class(it.row) == life
			return it.gone
		})
		if q.about[id] = left; len(left) == 0 {
			delete(q.about, id)
		}
	}
}

// place files the item by class and count.
func (q *Queue) place(it *item) {
	c := q.class(it.row)
	for len(q.levels[c]) <= it.sent {
		q.levels[c] = append(q.levels[c], nil)
	}
	q.levels[c][it.sent] = append(q.levels[c][it.sent], it)
}

func (q *Queue) class(row member.Row) class {
	switch {
	case row.ID == q.self:
		return refutation
	case row.Status == core.Suspect || row.Status == core.Dead:
		return accusation
	case row.Status == core.Left:
		return departure
	}
	return life
}

// Remind puts what the table accuses the receiver of on a packet that has no
// news yet.
func Remind(p *wire.Packet, t *member.Table, to core.NodeID) {
	if row, ok := t.Get(to); ok && row.Status != core.Alive {
		p.News = append(p.News, member.ToNews(row))
	}
}

// Fill adds as much news to the packet as fits. News of the receiver is counted
// as sent but left out, since it knows itself best; what accuses it is added if
// it has not been reminded of it.
func (q *Queue) Fill(p *wire.Packet, t *member.Table, to core.NodeID) {
	room := wire.PlainPacket - p.Size() - 1
	reminded := len(p.News) > 0
	limit := Limit(t.Living())
	for c := range q.levels {
		taken := q.taken[:0]
		for n, level := range q.levels[c] {
			q.levels[c][n] = deleteUntil(level, func(it *item) (remove, stop bool) {
				size := it.news.Size()
				switch {
				case it.gone:
					return true, false
				case room < leastNews || len(p.News) == wire.MaxNews:
					return false, true
				case size > room:
					return false, false
				case it.row.ID != to || it.row.Status != core.Alive && !reminded:
					room -= size
					p.News = append(p.News, it.news)
				}
				taken = append(taken, it)
				return true, false
			})
		}
		for _, it := range taken {
			q.sentOnce(it, limit)
		}
		clear(taken)
		q.taken = taken
	}
}

// leastNews is the size of the shortest news: a packet with less room is full.
const leastNews = 17

// deleteUntil is slices.DeleteFunc that looks no further once it is told to stop.
func deleteUntil(items []*item, decide func(*item) (remove, stop bool)) []*item {
	kept := 0
	for i, it := range items {
		remove, stop := decide(it)
		if stop {
			if kept == i {
				return items
			}
			return slices.Delete(items, kept, i)
		}
		if !remove {
			items[kept] = it
			kept++
		}
	}
	clear(items[kept:])
	return items[:kept]
}

// sentOnce counts a transmission.
func (q *Queue) sentOnce(it *item, limit int) {
	if it.sent++; it.sent < limit {
		q.place(it)
		return
	}
	it.gone = true
	left := slices.DeleteFunc(q.about[it.row.ID], func(o *item) bool { return o == it })
	if q.about[it.row.ID] = left; len(left) == 0 {
		delete(q.about, it.row.ID)
	}
}
