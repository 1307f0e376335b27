package node

import (
	"time"

	"hb/core"
	"hb/core/replog"
	"hb/core/wire"
)

const (
	// readAgain is when an unanswered round is asked once more, with a fresh
	// context.
	readAgain = 300 * time.Millisecond
	// readLimit is how long a read waits for a quorum.
	readLimit = 2 * time.Second
)

// readResult says that, at some moment between question and answer, leader led
// in term and everything up to index was committed.
type readResult struct {
	ok     bool
	index  uint64
	term   uint64
	leader core.NodeID
}

// read is one question that must be confirmed by a quorum.
type read struct {
	done  func(readResult)
	limit core.Instant
	// index is set once the round is answered: done when applied that far.
	result readResult
	local  bool // wait until this node has applied it
}

// reads are answered by rounds, one at a time: whoever asks while a round is
// under way joins the next, for only a round begun after the question counts.
type reads struct {
	waiting []*read // for the next round
	asked   []*read // on the round under way
	lagging []*read // answered, but not yet applied here
	ticket  uint64  // of the round under way; 0: none
	sent    core.Instant
	// remote are rounds that other nodes asked of this leader, by ticket.
	remote map[uint64]remoteRead
	next   uint64
}

type remoteRead struct {
	from core.NodeID
	id   uint64
}

// readIndex asks for a linearizable point. With local, done is called when
// this node's ledger has reached it.
func (n *Node) readIndex(local bool, done func(readResult)) {
	r := &read{done: done, limit: n.now.Add(readLimit), local: local}
	n.reads.waiting = append(n.reads.waiting, r)
	if n.reads.ticket == 0 {
		n.startRound()
	}
}

// startRound puts all waiting questions on one round.
func (n *Node) startRound() {
	r := &n.reads
	r.asked, r.waiting = r.waiting, nil
	n.askRound()
}

// askRound asks the round's question, again under a new ticket when it was
// asked before: an answer to an older asking is not trusted to be of this one.
func (n *Node) askRound() {
	r := &n.reads
	r.next++
	r.ticket, r.sent = r.next, n.now
	switch leader := n.leader(); {
	case n.replog.Leading():
		n.replogStep(replog.Read{Ticket: r.ticket})
	case leader.id != 0 && leader.id != n.self.id:
		n.sendTo(leader.id, &wire.Envelope{Body: &wire.Envelope_ReadIndex{ReadIndex: &wire.ReadIndex{Id: r.ticket}}})
	}
}

// readAnswered is the end of a round, of this node's own or of another's.
func (n *Node) readAnswered(ticket uint64, res readResult) {
	r := &n.reads
	if from, ok := r.remote[ticket]; ok {
		delete(r.remote, ticket)
		n.sendTo(from.from, &wire.Envelope{Body: &wire.Envelope_ReadIndexed{ReadIndexed: &wire.ReadIndexed{
			Id: from.id, Index: res.index, Term: res.term, Leader: uint64(res.leader),
		}}})
		return
	}
	if ticket != r.ticket || !res.ok {
		return // asked again at its time
	}
	asked := r.asked
	r.asked, r.ticket = nil, 0
	for _, q := range asked {
		q.result = res
		if q.local && n.ledger.Applied() < res.index {
			r.lagging = append(r.lagging, q)
			continue
		}
		q.done(res)
	}
	if len(r.waiting) > 0 && r.ticket == 0 {
		n.startRound()
	}
}

// readAsked is another node's question to the leader.
func (n *Node) readAsked(from core.NodeID, m *wire.ReadIndex) {
	if !n.replog.Leading() {
		n.sendTo(from, &wire.Envelope{Body: &wire.Envelope_ReadIndexed{ReadIndexed: &wire.ReadIndexed{Id: m.Id}}})
		return
	}
	n.reads.next++
	n.reads.remote[n.reads.next] = remoteRead{from: from, id: m.Id}
	n.replogStep(replog.Read{Ticket: n.reads.next})
}

// readIndexedCame is the leader's answer.
func (n *Node) readIndexedCame(m *wire.ReadIndexed) {
	n.readAnswered(m.Id, readResult{ok: m.Index != 0, index: m.Index, term: m.Term, leader: core.NodeID(m.Leader)})
}

// serveReads answers what this node has meanwhile applied, asks again what
// went unanswered, and gives up on what waited too long.
func (n *Node) serveReads() {
	r := &n.reads
	for len(r.lagging) > 0 && n.ledger.Applied() >= r.lagging[0].result.index {
		q := r.lagging[0]
		r.lagging = r.lagging[1:]
		q.done(q.result)
	}
	r.lagging = n.expireReads(r.lagging)
	r.asked = n.expireReads(r.asked)
	r.waiting = n.expireReads(r.waiting)
	switch {
	case len(r.asked) == 0 && len(r.waiting) > 0:
		n.startRound()
	case len(r.asked) == 0:
		r.ticket = 0
	case n.now >= r.sent.Add(readAgain):
		n.askRound()
	}
}

// expireReads ends the questions whose time is over and gives back the rest.
func (n *Node) expireReads(list []*read) []*read {
	if len(list) == 0 || n.now < list[0].limit { // in order of asking: the first ends first
		return list
	}
	kept := list[:0:0]
	for _, q := range list {
		if n.now < q.limit {
			kept = append(kept, q)
			continue
		}
		q.done(readResult{})
	}
	return kept
}

// nextRead is when serveReads has something to do.
func (n *Node) nextRead() core.Instant {
	r := &n.reads
	next := core.Never
	if len(r.asked) > 0 {
		next = r.sent.Add(readAgain)
	}
	for _, list := range [][]*read{r.asked, r.waiting, r.lagging} {
		if len(list) > 0 {
			next = core.Earlier(next, list[0].limit)
		}
	}
	return next
}
