package replog

import (
	"hb/core"

	"go.etcd.io/raft/v3/raftpb"
)

// Log is one member's part in the replicated log. Not for concurrent use.
type Log struct {
	opt Options
}

// New starts from what the disk gave back. The first Step must follow at once:
// it hands over, in Apply, what was committed behind the snapshot, and a single
// voter starts its election.
func New(opt Options, from Restored) *Log { panic("replog: to come") }

// Step takes one event at a time and says what to do. The slice is reused by
// the next Step.
func (l *Log) Step(now core.Instant, ev Event) []Effect { panic("replog: to come") }

// Next is when Step must be called at the latest.
func (l *Log) Next() core.Instant { panic("replog: to come") }

// Leader gives the leader as far as the engine here knows it (0: none known, or
// this member runs no engine) and the current term.
func (l *Log) Leader() (core.RaftID, uint64) { panic("replog: to come") }

// Leading says whether this node leads as far as it knows.
func (l *Log) Leading() bool { panic("replog: to come") }

// Term is the highest term seen.
func (l *Log) Term() uint64 { panic("replog: to come") }

// Commit is up to where the log is known to be committed.
func (l *Log) Commit() uint64 { panic("replog: to come") }

// Applied is up to where Apply and Install have handed the log over.
func (l *Log) Applied() uint64 { panic("replog: to come") }

// LastIndex is the last entry here, committed or not.
func (l *Log) LastIndex() uint64 { panic("replog: to come") }

// FirstIndex is the oldest entry that EntryAt still has.
func (l *Log) FirstIndex() uint64 { panic("replog: to come") }

// Role says what a raft ID is as of the applied log: leader, voter, learner, or
// member.
func (l *Log) Role(id core.RaftID) string { panic("replog: to come") }

// Voters gives the voters as of the applied log, sorted; during a joint change
// those of both sides.
func (l *Log) Voters() []core.RaftID { panic("replog: to come") }

// Unsynced says that an append of ours is on its way to the disk: proposals
// that come now are better batched until it is there.
func (l *Log) Unsynced() bool { panic("replog: to come") }

// TermAt gives the term of an entry; false when it is not here any more, or not
// yet.
func (l *Log) TermAt(index uint64) (uint64, bool) { panic("replog: to come") }

// EntryAt gives an entry; nil when it is not here any more, or not yet. It must
// not be changed.
func (l *Log) EntryAt(index uint64) *raftpb.Entry { panic("replog: to come") }
