package ledger

import (
	"cmp"
	"iter"
	"slices"

	"hb/core/wire"
)

// line is a sorted row of entries with distinct keys. An insertion or removal
// moves whichever side of it is shorter, so both ends are cheap, and almost all
// of them are at the ends.
type line struct {
	key  func(*entry) place
	buf  []*entry
	head int // buf[head:] is the row
}

func (l *line) len() int          { return len(l.buf) - l.head }
func (l *line) entries() []*entry { return l.buf[l.head:] }

// each yields the entries in order; the row must not change meanwhile.
func (l *line) each() iter.Seq[*entry] { return slices.Values(l.entries()) }

// find gives the position of a key in the row, or where it would go.
func (l *line) find(key place) (int, bool) {
	return slices.BinarySearchFunc(l.entries(), key, func(e *entry, k place) int { return l.key(e).compare(k) })
}

func (l *line) insert(e *entry) {
	at, found := l.find(l.key(e))
	if found {
		panic("ledger: two entries with one position in the log")
	}
	if at < l.len()/2 && l.head > 0 {
		l.head--
		copy(l.buf[l.head:], l.buf[l.head+1:l.head+1+at])
		l.buf[l.head+at] = e
		return
	}
	l.buf = slices.Insert(l.buf, l.head+at, e)
}

func (l *line) remove(e *entry) {
	at, found := l.find(l.key(e))
	if !found {
		panic("ledger: an entry is not in its row")
	}
	if at < l.len()/2 {
		copy(l.buf[l.head+1:], l.buf[l.head:l.head+at])
		l.buf[l.head] = nil
		l.head++
	} else {
		l.buf = slices.Delete(l.buf, l.head+at, l.head+at+1)
	}
	if l.head > 1024 && l.head > len(l.buf)/2 {
		l.buf = slices.Clone(l.entries())
		l.head = 0
	}
}

// cut removes count entries from a key on.
func (l *line) cut(from place, count int) {
	if count == 0 {
		return
	}
	at, found := l.find(from)
	if !found {
		panic("ledger: an entry is not in its row")
	}
	l.buf = slices.Delete(l.buf, l.head+at, l.head+at+count)
}

// place is where a record stands in a row: a position in the log; among what one
// command has ended, in the order of submits; among tasks that one command made,
// by their cause; among elements, by their number.
type place struct {
	at, order, cause uint64
	n                uint32
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.at, q.at), cmp.Compare(p.order, q.order), cmp.Compare(p.cause, q.cause), cmp.Compare(p.n, q.n))
}

// submitPlace is a record's place among all.
func submitPlace(t *wire.Task) place { return place{at: t.Order, cause: t.Cause, n: t.N} }
