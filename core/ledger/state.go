package ledger

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// The bounds of the ledger (TASKS.md, "Load and choice" and "Running").
const (
	MaxElements  = 10_000   // of one task
	MaxOpen      = 100_000  // tasks that wait or run
	MaxOpenBytes = 64 << 20 // of their records
	MaxSpecBytes = 16 << 10 // of one task's spec
	MaxNoteBytes = 64 << 10 // of a user's own entry
	KeepRecords  = 100_000  // tasks that ended
	KeepBytes    = 64 << 20 // of their records
	KeepLeft     = 1024     // rows of members that left
	KeepAttempts = 100      // of one task: the newest
	KeepTail     = 4 << 10  // bytes of each output stream in a result
	MaxKeyBytes  = 256      // of an exclusive key
	KeepWhy      = 200      // bytes of the reason for a choice
	MaxSchedules = 1000
)

// The statuses of a task. A task whose status is one of the last five has ended.
const (
	Queued     = "queued"
	Running    = "running"  // of a task with elements: they are not all done
	Assigned   = "assigned" // to a member, where it runs unless it still waits there
	Cancelling = "cancelling"
	Succeeded  = "succeeded"
	Failed     = "failed"
	TimedOut   = "timed-out"
	Cancelled  = "cancelled"
	Unknown    = "unknown"
)

// The outcomes of an attempt; the open one has none.
const (
	Ended      = "ended"      // its result counted
	Requeued   = "requeued"   // taken back, or cut short
	Superseded = "superseded" // taken back, and its late result kept beside it
)

// The states of a member in the directory.
const (
	Up   = "up"
	Down = "down"
	Left = "left"
)

// Reasons for which a member is down: its node was found to be gone, or has said
// that it will be back soon.
const (
	Crash   = "crash"
	Restart = "restart"
)

// State is the ledger as of one index of the log.
type State struct {
	cluster core.ClusterID
	name    string
	epoch   core.Epoch
	applied uint64
	wall    int64
	// expired is the latest minting time, in Unix milliseconds, of a task
	// whose record was dropped; see Expired.
	expired int64

	members map[core.NodeID]*wire.Agreed
	ids     []core.NodeID          // the keys of members, sorted
	names   map[string]core.NodeID // of members that are up

	features   core.Features     // what every member can carry out
	voters     uint32            // how many shall vote; 0: DefaultVoters
	tombstones []*wire.Tombstone // oldest first; graves has them by node
	graves     map[core.NodeID]*wire.Tombstone

	schedules []*wire.Schedule // by name
	admission admission
	keys      []*wire.DatagramKey // oldest first

	locks    []*wire.Lock           // by name
	sessions map[LockSession]string // the name of the lock that each is in

	tasks  index
	specs  shared
	bounds bounds
}

// bounds are those that tests make small.
type bounds struct{ open, openBytes, records, recordBytes, left int }

// New is the ledger of a cluster in which nothing has happened yet.
func New(cluster core.ClusterID, name string) *State {
	return &State{
		cluster: cluster, name: name,
		members: map[core.NodeID]*wire.Agreed{}, names: map[string]core.NodeID{},
		graves:    map[core.NodeID]*wire.Tombstone{},
		admission: admission{credentials: map[core.NodeID]*wire.Credential{}},
		tasks:     newIndex(),
		specs:     shared{}, sessions: map[LockSession]string{},
		bounds: bounds{open: MaxOpen, openBytes: MaxOpenBytes, records: KeepRecords, recordBytes: KeepBytes, left: KeepLeft},
	}
}

// Found is the ledger with which a cluster begins: so many members shall vote
// (0: the default).
func Found(cluster core.ClusterID, name string, voters int) *State {
	s := New(cluster, name)
	if voters != 0 && !ValidVoters(uint32(voters)) {
		panic(fmt.Sprintf("ledger: a cluster of %d voters", voters))
	}
	s.voters = uint32(voters)
	return s
}

// Applied is the index of the last log entry that State includes.
func (s *State) Applied() uint64 { return s.applied }

// Cluster is the cluster's identity.
func (s *State) Cluster() core.ClusterID { return s.cluster }

// Epoch is the history of the cluster that this state belongs to.
func (s *State) Epoch() core.Epoch { return s.epoch }

// Empty is the ledger of a member that has nothing of the log yet.
func Empty(cluster core.ClusterID, name string, epoch core.Epoch) *State {
	s := New(cluster, name)
	s.epoch = epoch
	return s
}

// Begin makes the state the first of a new epoch, as of an index far beyond
// everything that the log of the last epoch can have reached, with one node that
// is to lead under a new raft ID. All members are down until they show that they
// live, in this epoch; what they were running is given to others then.
func (s *State) Begin(epoch core.Epoch, index uint64, leader core.NodeID, raft core.RaftID) {
	if index <= s.applied || epoch.Number() <= s.epoch.Number() {
		panic(fmt.Sprintf("ledger: epoch %v at %d after epoch %v at %d", epoch, index, s.epoch, s.applied))
	}
	s.epoch, s.applied = epoch, index
	for _, id := range slices.Clone(s.ids) {
		old := s.members[id]
		if old.State == Left {
			continue
		}
		m := proto.CloneOf(old)
		if m.State, m.Reason = Down, reasonRecovered; old.State == Up {
			m.SinceNanos, m.Index = s.wall, index
		}
		if id == leader {
			m.Row.Raft = uint64(raft)
		}
		s.setMember(m)
	}
}

// reasonRecovered is why members are down with which a new epoch begins.
const reasonRecovered = "recovered"

// Name is the cluster's name among people.
func (s *State) Name() string { return s.name }

// Wall is the Unix time, in nanoseconds, at which the leader proposed the last
// entry with commands; it may step back when leaders' clocks differ.
func (s *State) Wall() int64 { return s.wall }

// Member finds a row of the directory.
func (s *State) Member(id core.NodeID) (*wire.Agreed, bool) {
	m, ok := s.members[id]
	return m, ok
}

// Members are all rows of the directory, sorted by ID.
func (s *State) Members() []*wire.Agreed {
	rows := make([]*wire.Agreed, len(s.ids))
	for i, id := range s.ids {
		rows[i] = s.members[id]
	}
	return rows
}

// Task finds a task's record.
func (s *State) Task(id core.TaskID) (*wire.Task, bool) {
	if e := s.tasks.find(id); e != nil {
		return e.record(), true
	}
	return nil, false
}

// Tasks are all records there are, in the order of their submits.
func (s *State) Tasks() []*wire.Task {
	var all []*wire.Task
	for e := range s.tasks.all.each() {
		all = append(all, e.record())
		if e.past != nil {
			all = append(all, s.Elements(e.past.id)...)
		}
	}
	return all
}

// Records is how many there are.
func (s *State) Records() int {
	n := s.tasks.all.len()
	for e := range s.tasks.ended.each() {
		n += int(e.past.elements)
	}
	return n
}

// QueuedTasks are those that wait for a member, in the order of their submits.
func (s *State) QueuedTasks() []*wire.Task { return records(s.tasks.queued.entries()) }

// OpenGrants are the tasks that have an open grant, in the order of their
// fences; the grant is the last attempt.
func (s *State) OpenGrants() []*wire.Task { return records(byFence(s.tasks.granted)) }

// OpenOn are those of OpenGrants that a member has.
func (s *State) OpenOn(node core.NodeID) []*wire.Task { return records(byFence(s.tasks.on[node])) }

// OpenGrant finds the task whose open grant has this fence.
func (s *State) OpenGrant(f core.Fence) (*wire.Task, bool) {
	if e, ok := s.tasks.granted[f]; ok {
		return e.task, true
	}
	return nil, false
}

// Open is how many tasks have not ended.
func (s *State) Open() int { return s.tasks.all.len() - s.tasks.finals }

// Waiting is how many tasks wait for a member.
func (s *State) Waiting() int { return s.tasks.queued.len() }

// Granted is how many tasks a member has that has not reported yet.
func (s *State) Granted() int { return len(s.tasks.granted) }

// Holder finds the task with this exclusive key that has an open grant: until
// that is closed no other gets one.
func (s *State) Holder(key string) (*wire.Task, bool) {
	if e, ok := s.tasks.holders[key]; ok && key != "" {
		return e.task, true
	}
	return nil, false
}

// Recent are the records of the limit tasks that ended last, in that order.
func (s *State) Recent(limit int) []*wire.Task {
	ended := s.tasks.ended.entries()
	return records(ended[max(0, len(ended)-limit):])
}

// Keyed finds the task that holds a --key.
func (s *State) Keyed(key string) (*wire.Task, bool) {
	if e, ok := s.tasks.keys[key]; ok {
		return e.record(), true
	}
	return nil, false
}

// Stale are up to limit tasks that ended longer ago than the given ages, or
// than their own --keep, as Wall goes: for an Expire.
func (s *State) Stale(good, bad time.Duration, limit int) []core.TaskID {
	var ids []core.TaskID
	least := min(int64(good), int64(bad), s.tasks.leastKeep())
	for e := range s.tasks.ended.each() {
		if len(ids) == limit || s.wall-e.past.ended <= least {
			break // in the order of their ends
		}
		age := bad
		if e.past.status == Succeeded {
			age = good
		}
		if keep := e.past.spec.KeepNanos; keep > 0 {
			age = time.Duration(keep)
		}
		if s.wall-e.past.ended > int64(age) {
			ids = append(ids, e.past.id)
		}
	}
	return ids
}

// Expired says of an ID without a record that its record may have been
// dropped: it was minted before one whose record was. Otherwise the ID was
// never heard of.
func (s *State) Expired(id core.TaskID) bool {
	return s.tasks.find(id) == nil && s.expired > 0 && mintedMillis(id) <= s.expired
}

// mintedMillis reads the time out of a task's ID.
func mintedMillis(id core.TaskID) int64 {
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return ms
}

// Finals are the statuses of tasks that have ended.
func Finals() []string { return []string{Succeeded, Failed, TimedOut, Cancelled, Unknown} }

// IsFinal says whether a status is one of a task that has ended.
func IsFinal(status string) bool {
	switch status {
	case Succeeded, Failed, TimedOut, Cancelled, Unknown:
		return true
	}
	return false
}

// OpenAttempt is the open grant of a task: its last attempt, or nil.
func OpenAttempt(t *wire.Task) *wire.Attempt {
	if t.Status != Assigned && t.Status != Cancelling || len(t.Attempts) == 0 {
		return nil
	}
	return t.Attempts[len(t.Attempts)-1]
}

func records(entries []*entry) []*wire.Task {
	ts := make([]*wire.Task, len(entries))
	for i, e := range entries {
		ts[i] = e.record()
	}
	return ts
}
