package node

// eventsKept bounds the records held for `hb events --since`.
const eventsKept = 10_000

// ring is what this node has seen happen, oldest first. Cursors carry the
// node's instance in their upper bits, so that those of an earlier run are
// simply older than everything there is.
type ring struct {
	records []Record
	next    uint64
}

func newRing(instance uint32) ring { return ring{next: uint64(instance)<<40 + 1} }

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

// emit records an event of now.
func (n *Node) emit(kind, subject, detail string) { n.emitAt(n.wall(), kind, subject, detail) }

// emitAt records an event and hands it to everybody who follows. What the log
// says happened when its leader wrote it, also when it is read again at a start.
func (n *Node) emitAt(wall int64, kind, subject, detail string) {
	rec := n.clients.ring.add(Record{Wall: wall, Kind: kind, Subject: subject, Detail: detail})
	for _, id := range n.clients.following {
		n.reply(id, rec, false)
	}
}

// followEvents answers what is kept and, if asked, goes on.
func (n *Node) followEvents(id uint64, q FollowEvents) {
	if !q.FromNow {
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
