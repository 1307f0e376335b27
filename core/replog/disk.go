package replog

import (
	"fmt"

	"hb/core"
	"hb/core/wire"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// disk follows what was handed to the write-ahead log and is not there yet.
type disk struct {
	seq     uint64
	pending []pending // in order of their seq
	durable uint64    // entries up to here are on disk
	wrote   *raftpb.HardState

	// installing is the index of a snapshot that replaces the log and is not
	// saved yet; until then nothing is appended behind it.
	installing uint64
	blocked    []pending

	// made is a snapshot of our own ledger on its way to the disk; asked is the
	// index at which one was asked for, 0 when none is on its way. grown counts
	// the bytes applied since the last one, grownAsked those it will cover.
	made              *raftpb.Snapshot
	madeBody          Body
	asked             uint64
	grown, grownAsked int
}

// pending is one append, and what it promises: replies leave once it, and all
// before it, are durable.
type pending struct {
	seq     uint64
	at      core.Instant
	last    uint64 // the log's last index with this append
	records []*wire.Record
	replies []*raftpb.Message
}

// write hands entries, and the hard state if it says more than what the disk
// has, to the write-ahead log. A commit index alone does not make a write: it
// rides on the next one, or on a tick. It must not ride later than on the next
// entry: a change of the voters counts once it is known to be committed, and
// whoever holds an entry that was proposed under the new voters must find them
// again after a restart.
func (l *Log) write(entries []*raftpb.Entry, replies []*raftpb.Message) {
	l.tail.append(entries)
	p := pending{at: l.now, last: l.tail.last(), replies: replies}
	for _, e := range entries {
		p.records = append(p.records, &wire.Record{Body: &wire.Record_Entry{Entry: marshal(e)}})
	}
	if len(entries) > 0 || promises(l.state.hard, l.disk.wrote) {
		p.records = append(p.records, l.hardRecord()...)
	}
	switch {
	case len(p.records) == 0 && len(replies) == 0:
	case l.disk.installing != 0:
		l.disk.blocked = append(l.disk.blocked, p)
	case len(p.records) > 0:
		l.issue(p)
	case len(l.disk.pending) > 0:
		last := &l.disk.pending[len(l.disk.pending)-1]
		last.replies = append(last.replies[:len(last.replies):len(last.replies)], replies...)
	default:
		l.deliver(replies)
	}
}

// promises says whether a hard state says more than how far is committed.
func promises(now, before *raftpb.HardState) bool {
	return now.GetTerm() != before.GetTerm() || now.GetVote() != before.GetVote()
}

func (l *Log) hardRecord() []*wire.Record {
	if !l.unwritten() {
		return nil
	}
	l.disk.wrote = l.state.hard
	return []*wire.Record{{Body: &wire.Record_HardState{HardState: marshal(l.state.hard)}}}
}

// unwritten says that the disk has not been given the hard state as it is.
func (l *Log) unwritten() bool {
	h, wrote := l.state.hard, l.disk.wrote
	return wrote == nil || promises(h, wrote) || h.GetCommit() != wrote.GetCommit()
}

func (l *Log) issue(p pending) {
	l.disk.seq++
	p.seq = l.disk.seq
	l.emit(Append{Seq: p.seq, Records: p.records})
	p.records = nil
	l.disk.pending = append(l.disk.pending, p)
}

// flushCommit writes a commit index that found nothing to ride on.
func (l *Log) flushCommit() {
	if len(l.disk.pending) > 0 || l.disk.installing != 0 || l.state.hard.GetTerm() == 0 {
		return
	}
	if records := l.hardRecord(); len(records) > 0 {
		l.issue(pending{at: l.now, last: l.tail.last(), records: records})
	}
}

func (l *Log) synced(seq uint64) {
	n := 0
	for n < len(l.disk.pending) && l.disk.pending[n].seq <= seq {
		n++
	}
	done := l.disk.pending[:n:n]
	l.disk.pending = l.disk.pending[n:]
	for _, p := range done {
		l.disk.durable = max(l.disk.durable, p.last)
		l.deliver(p.replies)
	}
}

// deliver lets go what waited for the disk.
func (l *Log) deliver(replies []*raftpb.Message) {
	for _, m := range replies {
		if m.GetTo() != uint64(l.opt.Self) {
			l.send(m)
		} else if l.engine != nil {
			_ = l.engine.Step(m)
		}
	}
}

// install makes a snapshot from elsewhere the ground that the log stands on,
// with entries behind it. Everything promised before waits for it, too.
func (l *Log) install(s *raftpb.Snapshot, entries []*raftpb.Entry, replies []*raftpb.Message) {
	at := s.GetMetadata()
	l.tail.reset(s, l.follow.arrived(s))
	l.state.applied = at.GetIndex()
	l.state.conf = at.GetConfState()
	term, vote := l.state.hard.GetTerm(), l.state.hard.GetVote()
	if term < at.GetTerm() {
		term, vote = at.GetTerm(), 0
	}
	l.state.hard = hardState(term, vote, max(l.Commit(), at.GetIndex()))

	var waiting []*raftpb.Message
	for _, p := range l.disk.blocked {
		waiting = append(waiting, p.replies...)
	}
	l.disk.installing, l.disk.blocked = at.GetIndex(), nil
	l.disk.made, l.disk.madeBody, l.disk.asked, l.disk.grown = nil, nil, 0, 0
	// The log may be written anew under the snapshot: say the hard state again.
	l.disk.wrote = nil
	l.emit(Install{Snapshot: s})
	l.noteConf()
	l.write(entries, append(waiting, replies...))
}

func (l *Log) saved(index uint64) {
	if l.disk.installing != 0 && index >= l.disk.installing {
		l.disk.durable = l.disk.installing
		l.disk.installing = 0
		blocked := l.disk.blocked
		l.disk.blocked = nil
		for _, p := range blocked {
			p.at = l.now
			if len(p.records) > 0 {
				l.issue(p)
				continue
			}
			last := &l.disk.pending[len(l.disk.pending)-1]
			last.replies = append(last.replies, p.replies...)
		}
	}
	if made := l.disk.made; made != nil && made.GetMetadata().GetIndex() <= index {
		at := made.GetMetadata().GetIndex()
		l.tail.snap, l.tail.body = bodiless(made), l.disk.madeBody
		l.disk.grown -= l.disk.grownAsked
		l.disk.made, l.disk.madeBody, l.disk.asked = nil, nil, 0
		l.tail.compact(l.keepFrom(at) - 1)
	}
}

// keepFrom is the first entry to keep once there is a snapshot at an index: a
// tail behind it serves those who are a little late.
func (l *Log) keepFrom(index uint64) uint64 {
	from, bytes := index+1, 0
	for from > l.tail.first() && index+1-from < uint64(l.opt.Limits.TailEntries) {
		bytes += entryCost(l.tail.entry(from - 1))
		if bytes > l.opt.Limits.TailBytes {
			break
		}
		from--
	}
	return from
}

// wantSnapshot asks for a snapshot when the log behind the last one has grown
// too long.
func (l *Log) wantSnapshot() {
	index := l.state.applied
	if l.disk.asked != 0 || l.disk.installing != 0 || l.tail.snap == nil {
		return
	}
	since := index - l.tail.snap.GetMetadata().GetIndex()
	if since <= uint64(l.opt.Limits.SnapshotEntries) && l.disk.grown <= l.opt.Limits.SnapshotBytes {
		return
	}
	term, ok := l.tail.term(index)
	if !ok {
		panic(fmt.Sprintf("replog: applied %d lies outside the log of %d to %d", index, l.tail.first(), l.tail.last()))
	}
	l.disk.asked, l.disk.grownAsked = index, l.disk.grown
	l.emit(WantSnapshot{Index: index, Term: term, Conf: l.state.conf, Keep: l.keepFrom(index)})
}

func (l *Log) snapshotMade(ev SnapshotMade) {
	if l.disk.asked == 0 || ev.Snapshot.GetMetadata().GetIndex() != l.disk.asked {
		return
	}
	l.disk.made, l.disk.madeBody = ev.Snapshot, ev.Body
	if ev.Body == nil {
		l.disk.madeBody = plainBody(ev.Snapshot.GetData())
	}
}

// marshal makes bytes of a message of ours, the same for the same message.
func marshal(m proto.Message) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("replog: cannot marshal %T: %v", m, err))
	}
	return b
}
