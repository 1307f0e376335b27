package replog

import (
	"encoding/binary"

	"go.etcd.io/raft/v3"
)

// reads are the linearizable reads under way (Raft §6.4). A read waits until
// this leader has applied its own first entry: the engine would answer the
// only voter of a cluster at once, from a commit index that may be older than
// what was acknowledged before a restart.
type reads struct {
	waiting []uint64 // tickets
	asked   []askedRead
	count   uint64
}

// askedRead is a read that the engine is confirming with a quorum. Its context
// is never used again: a late confirmation must not vouch for a later read.
type askedRead struct{ context, ticket uint64 }

func (l *Log) askReads() bool {
	if len(l.reads.waiting) == 0 {
		return false
	}
	if !l.Leading() {
		l.failReads()
		return false
	}
	if l.lead.ready == 0 {
		return false
	}
	for _, ticket := range l.reads.waiting {
		l.reads.count++
		l.reads.asked = append(l.reads.asked, askedRead{l.reads.count, ticket})
		l.engine.ReadIndex(binary.BigEndian.AppendUint64(nil, l.reads.count))
	}
	l.reads.waiting = l.reads.waiting[:0]
	return true
}

func (l *Log) confirmReads(states []raft.ReadState) {
	for _, s := range states {
		context := binary.BigEndian.Uint64(s.RequestCtx)
		for i, a := range l.reads.asked {
			if a.context == context {
				l.emit(ReadOK{Ticket: a.ticket, Index: s.Index, Term: l.Term()})
				l.reads.asked = append(l.reads.asked[:i], l.reads.asked[i+1:]...)
				break
			}
		}
	}
}

// failReads ends all reads: this node does not lead.
func (l *Log) failReads() {
	for _, a := range l.reads.asked {
		l.emit(ReadFailed{Ticket: a.ticket})
	}
	for _, ticket := range l.reads.waiting {
		l.emit(ReadFailed{Ticket: ticket})
	}
	l.reads.asked, l.reads.waiting = nil, nil
}
