package node

import (
	"fmt"

	"hb/core"
)

// eventsKept bounds the records held for `hb events --since`.
const eventsKept = 10_000

// ring is what this node has seen happen, oldest first. Cursors carry the
// node's instance in their upper bits, so that those of an earlier run are
// simply older than everything there is.
type ring struct {
	records []Record
	next    uint64
}

func newRing(instance uint32) ring { return ring{next: uint64(instance)<<instanceBits + 1} }

// instanceBits is where the instance stands in a cursor.
const instanceBits = 40

// StartOf is the start of a node that a cursor is of: what the log says is told under
// other cursors by the next.
func StartOf(cursor uint64) core.Instance { return core.Instance(cursor >> instanceBits) }

// add keeps a record under the next cursor.
func (r *ring) add(rec Record) Record {
	rec.Cursor = r.next
	r.next++
	if len(r.records) >= eventsKept {
		// Dropped by the half, so that adding stays cheap on average.
		r.records = append(r.records[:0:0], r.records[eventsKept/2:]...)
	}
	r.records = append(r.records, rec)
	return rec
}

// gap tells whoever has heard everything up to a cursor that something is missing
// behind it, if that is so; 0 is a cursor that misses nothing.
func (r *ring) gap(since uint64) (Record, bool) {
	first := r.next
	if len(r.records) > 0 {
		first = r.records[0].Cursor
	}
	if since == 0 || since+1 >= first {
		return Record{}, false
	}
	detail := fmt.Sprintf("%d events are not kept any more", first-since-1)
	if StartOf(since) != StartOf(first) {
		detail = "the node was started again: what it saw itself in between, and before, is lost"
	}
	return Record{Cursor: first - 1, Kind: "gap", Detail: detail}, true
}

// emit records an event of now.
func (n *Node) emit(kind, subject, detail string) {
	n.emitAt(Record{Wall: n.wall(), Kind: kind, Subject: subject, Detail: detail})
}

// emitAt records an event and hands it to everybody who follows. What the log
// says happened when its leader wrote it, also when it is read again at a start.
func (n *Node) emitAt(rec Record) {
	rec = n.clients.ring.add(rec)
	for _, id := range n.clients.following {
		n.reply(id, rec, false)
	}
}

// followEvents answers what is kept and, if asked, goes on.
func (n *Node) followEvents(id uint64, q FollowEvents) {
	if !q.FromNow {
		if gap, is := n.clients.ring.gap(q.Since); is {
			gap.Wall, gap.Subject = n.wall(), n.opts.Name
			n.reply(id, gap, false)
		}
		for _, rec := range n.clients.ring.records {
			if rec.Cursor > q.Since {
				n.reply(id, rec, false)
			}
		}
	}
	if !q.Follow {
		n.reply(id, nil, true)
		return
	}
	n.clients.following = append(n.clients.following, id)
}
