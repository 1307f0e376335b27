package node

import (
	"net/netip"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// Request is what a local client may ask. The comment of each names the answer
// it gets in Reply.Body; every one may be answered by a *core.Fault instead.
type Request interface{ request() }

type (
	// GetMembers is answered by a MembersView: at once, or (Agreed) when this
	// node has applied all that a quorum had agreed on when asked.
	GetMembers struct{ Agreed bool }

	// GetStatus is answered by a StatusView.
	GetStatus struct{}

	// GetFigures is answered by a FiguresView.
	GetFigures struct{}

	// GetLeader is answered by a LeaderView: confirmed by a quorum between the
	// question and the answer, or (Stale) what this node last knew. Without a
	// quorum it is refused with CodeNoQuorum after two seconds.
	GetLeader struct{ Stale bool }

	// SubmitTask is answered by a Submitted once the task is durable. The same
	// ID again is answered as the first time.
	SubmitTask struct {
		Task core.TaskID
		Spec *wire.Spec
	}

	// GetTask is answered by a *wire.Task, read linearizably.
	GetTask struct{ Task core.TaskID }

	// WaitTask is answered by a *wire.Task when the task has ended.
	WaitTask struct{ Task core.TaskID }

	// ListTasks is answered by a TasksView of what this node has applied.
	ListTasks struct{ ledger.Query }

	// ListElements is answered by a TasksView of a task's elements, as this
	// node has applied them.
	ListElements struct{ Task core.TaskID }

	// CancelTask is answered by a *wire.Task once the wish is in the log.
	CancelTask struct{ Task core.TaskID }

	// RetryTask is answered by a Submitted: the content of a task that has
	// ended is submitted anew, under another ID and without its key.
	RetryTask struct{ Task, As core.TaskID }

	// AskRuns is answered by a RunsView: which of these tasks run, as the leader has
	// heard. Where nobody says so in time, it is empty.
	AskRuns struct{ Tasks []core.TaskID }

	// ExplainTask is answered by a *wire.Explained: how the leader would place
	// the task now, and of a Task that waits (zero: none), why.
	ExplainTask struct {
		Spec *wire.Spec
		Task core.TaskID
	}

	// ListSchedules is answered by a SchedulesView of what this node has applied,
	// or, with a Name, of that one schedule, read linearizably.
	ListSchedules struct{ Name string }

	// ChangeSchedule proposes a command about a schedule. It is answered by an
	// empty Last once the log has it, a Fire by the Submitted of its task.
	ChangeSchedule struct{ Command *wire.Command }

	// DrainNode is answered by an empty Last: with On once the log keeps new
	// work from the member and, with Wait, nothing runs there any more and
	// another leads; else once it is let in again. What still runs after
	// KillAfter is ended; below zero: never.
	DrainNode struct {
		Node      core.NodeID
		On, Wait  bool
		KillAfter time.Duration
	}

	// FollowOutput is answered by any number of Output and, Last, by the
	// *wire.Task. With Follow it goes on, over attempts, until the task ends.
	FollowOutput struct {
		Task   core.TaskID
		Follow bool
	}

	// AppendNote is answered by an Appended once the note is durable.
	AppendNote struct{ Text []byte }

	// FollowLog is answered by LogRecords from an index on (0: the oldest this
	// node has), then by an empty Last; with Follow it does not end.
	FollowLog struct {
		From   uint64
		Follow bool
	}

	// FollowEvents is answered by Records after a cursor, then by an empty
	// Last; with Follow it does not end. FromNow skips what was before.
	FollowEvents struct {
		Since   uint64
		FromNow bool
		Follow  bool
	}

	// Await is answered by an empty Last once all conditions hold at once.
	Await struct{ Conditions []Condition }

	// Probe is answered by a ProbeView. A zero Node probes the bare address.
	Probe struct {
		Node core.NodeID
		Addr netip.AddrPort
	}

	// ProbeMesh is answered by a MeshView: all of the members named (none: all
	// that are neither dead nor gone) ping each other at once.
	ProbeMesh struct{ Members []core.NodeID }

	// TransferLeader is answered by a LeaderView of the new leader. A zero
	// node lets the leader choose.
	TransferLeader struct{ To core.NodeID }

	// GetVoters is answered by a VotersView.
	GetVoters struct{}

	// SetVoters says how many members shall vote; answered by a VotersView once
	// the log has it. The change itself may still be under way.
	SetVoters struct{ Target int }

	// SetVote says whether a member shall vote; answered like SetVoters.
	SetVote struct {
		Node core.NodeID
		Vote ledger.Vote
	}

	// GetPositions is answered by a PositionsView: each living member is asked.
	GetPositions struct{}

	// GetKeys is answered by a KeysView: of the keys that datagrams are sealed
	// with, as this node has applied the log.
	GetKeys struct{}

	// RotateKeys makes another such key; answered by a KeysView once the log has
	// it.
	RotateKeys struct{}

	// GetSnapshot is answered by a SnapshotView: of everything that was agreed
	// when asked, or (Stale) of what this node has applied.
	GetSnapshot struct{ Stale bool }

	// Forget takes a member out for good; answered by an empty Last once the
	// log has it. Force takes out even one that lives.
	Forget struct {
		Node  core.NodeID
		Force bool
	}

	// HoldLock is answered by LockViews, each time that the lock is held longer
	// than was told before, until the client goes, or a fault says that it has the
	// lock no more or cannot have it. With Wait it queues behind those that have
	// the lock, else they make it CodeNo. With Leader it is not about a named lock:
	// it is held while this node leads. The same session again is the same wish.
	HoldLock struct {
		Session ledger.LockSession
		Name    string
		Wait    bool
		Leader  bool
	}

	// EndLock is answered by an empty Last once the session has ended for all.
	EndLock struct{ Session ledger.LockSession }

	// ListLocks is answered by a LocksView of what this node has applied.
	ListLocks struct{}

	// SetTags changes this node's own labels over those it was started with, for
	// good; answered by a TagsView once the log has them. Set wins over Drop.
	SetTags struct {
		Set  map[string]string
		Drop []string
	}

	// Leave is answered by an empty Last when the node has left; Stop follows.
	Leave struct{}

	// Enroll lets a machine in whose keys were proven; answered by an EnrolledView
	// when its certificate is made. If Unread, a refusal by what this node knows is
	// not confirmed by a majority first: whoever asks has been refused too often.
	Enroll struct {
		Admit  *wire.Admit
		Unread bool
	}
	// GetTokens is answered by a TokensView, read linearizably.
	GetTokens struct{}
	// ChangeToken proposes a command about a join token; answered by a TokensView.
	ChangeToken struct{ Command *wire.Command }
)

func (GetMembers) request()     {}
func (GetStatus) request()      {}
func (GetFigures) request()     {}
func (GetLeader) request()      {}
func (SubmitTask) request()     {}
func (GetTask) request()        {}
func (WaitTask) request()       {}
func (ListElements) request()   {}
func (ListTasks) request()      {}
func (CancelTask) request()     {}
func (RetryTask) request()      {}
func (AskRuns) request()        {}
func (ExplainTask) request()    {}
func (ListSchedules) request()  {}
func (ChangeSchedule) request() {}
func (DrainNode) request()      {}
func (FollowOutput) request()   {}
func (AppendNote) request()     {}
func (FollowLog) request()      {}
func (FollowEvents) request()   {}
func (Await) request()          {}
func (Probe) request()          {}
func (ProbeMesh) request()      {}
func (TransferLeader) request() {}
func (GetVoters) request()      {}
func (SetVoters) request()      {}
func (SetVote) request()        {}
func (GetPositions) request()   {}
func (GetSnapshot) request()    {}
func (Forget) request()         {}
func (GetKeys) request()        {}
func (RotateKeys) request()     {}
func (HoldLock) request()       {}
func (EndLock) request()        {}
func (ListLocks) request()      {}
func (SetTags) request()        {}
func (Leave) request()          {}
func (Enroll) request()         {}
func (GetTokens) request()      {}
func (ChangeToken) request()    {}

// EnrolledView is what a machine needs that was let in.
type EnrolledView struct {
	Certificate []byte // DER
	Cluster     ClusterView
	Detector    string
}

// TokensView is the join tokens, in the order of their making.
type TokensView struct {
	// Authority is the certificate of the cluster's CA (DER); empty: it has none.
	Authority []byte
	Tokens    []*wire.JoinToken // read only
	// Wall is the Unix time in nanoseconds, as this node knows it.
	Wall int64
}

// Condition is one thing to wait for.
type Condition struct {
	// Kind is ready, leader, quorum, members, voters, applied or gone.
	Kind string
	// N is the number for members, voters and applied.
	N uint64
	// Node is the name or ID for gone.
	Node string
}

// The answers.
type (
	// MemberView is one member as this node sees it; durations below zero and
	// zero counts behind a false Known are unknown.
	MemberView struct {
		ID       core.NodeID
		Name     string
		Addr     netip.AddrPort
		Status   core.Status
		Agreed   string // up, down, left; empty when the log does not know it
		Role     string // leader, voter, learner, member
		Self     bool
		Drained  bool
		Load     core.Load
		Loaded   bool          // Load is known
		RTT      time.Duration // negative: unknown
		Applied  uint64        // 0: unknown
		Version  string
		Tags     map[string]string
		Instance core.Instance
		Since    int64 // Unix nanoseconds of the last change of Status
		// Offer is what it says that it runs; nil: it has not said.
		Offer *wire.Offer
		// Blame says who suspects it and why, when somebody does.
		Blame string
	}

	// MembersView is the whole table, sorted by name.
	MembersView struct {
		Cluster ClusterView
		Members []MemberView
		// Isolated says that this node hears nobody, and so judges nobody.
		Isolated bool
	}

	// ClusterView names the cluster; ID is zero before the node joined one.
	ClusterView struct {
		ID    core.ClusterID
		Name  string
		Epoch core.Epoch
	}

	// LeaderView says who leads. Age is how long ago this was last known to be
	// true, for a stale answer.
	LeaderView struct {
		ID        core.NodeID
		Name      string
		Addr      netip.AddrPort
		Term      uint64
		Confirmed bool
		Age       time.Duration
		Self      bool
	}

	// StatusView is this node in one page.
	StatusView struct {
		ID              core.NodeID
		Name, Version   string
		Cluster         ClusterView
		Features        FeaturesView
		Detector        string
		Leader          LeaderView // zero ID: none known
		Term            uint64
		Commit, Applied uint64
		Voters          []core.NodeID
		Role            string
		Health          string // healthy, degraded, isolated, no-quorum
		Plight, ToDo    string // why there is no leader, as far as that is known, and what to do
		Stress          uint16
		Uptime          time.Duration
		Work            WorkView
		MembersAlive    int
		Members         int
		Unable          []*wire.Unable // what this node is configured to run and cannot
		Unconfined      string         // why what a task starts may get away from it here; empty: it cannot
		CertifiedUntil  int64          // Unix time in nanoseconds; 0: no certificate
	}

	// WorkView counts tasks. Ended are those that ended since this node started,
	// by their last status.
	WorkView struct {
		Queued, Granted int
		Ended           map[string]uint64
	}

	// VotersView says who votes. Known says that the leader was asked: without
	// it Settled, Match and Why are unknown.
	VotersView struct {
		Target, Voting int
		Leader         core.NodeID
		Known          bool
		Changing       bool // a change is under way
		Settled        bool // the leader means to change nothing
		Members        []VoterView
	}

	// VoterView is one member's part in the log.
	VoterView struct {
		ID             core.NodeID
		Name           string
		Role           string      // leader, voter, learner, member
		State          string      // as agreed: up, down, left
		Status         core.Status // as this node believes; 0: unknown
		Vote           string      // auto, promoted, demoted
		Match, Applied uint64      // 0: unknown
		Zone           string
		Since          int64 // Unix nanoseconds of the last change of State
		Why            string
	}

	// PositionsView is how far everybody's log is. Commit is the highest that
	// anybody knows of.
	PositionsView struct {
		Commit  uint64
		Members []PositionView
	}

	// PositionView is one member's log; without an answer (OK false) only
	// Applied may be known, from its heartbeats.
	PositionView struct {
		ID                                 core.NodeID
		Name, Role                         string
		Status                             core.Status
		OK, Self                           bool
		Term, Commit, Applied, First, Last uint64
		Snapshot                           uint64
		Match                              uint64 // as the leader knows; 0: unknown
	}

	// SnapshotView is the log's meaning up to an index, for people to keep.
	SnapshotView struct {
		Meta   *raftpb.SnapshotMetadata
		Ledger *ledger.Version
	}

	// TagsView is a node's labels.
	TagsView struct{ Tags map[string]string }

	// LockView is how a client stands to its lock: it waits, or has it until an
	// instant of this machine, unless it is told a later one.
	LockView struct {
		Held  bool
		Fence core.Fence
		Until core.Instant
		Left  time.Duration // until Until, when this was said
	}

	// LocksView is all locks that somebody has, by name.
	LocksView struct{ Locks []*wire.Lock }

	// Submitted says where a task stands in the log, and on which member it
	// starts if that was decided at once.
	Submitted struct {
		Task  core.TaskID
		Index uint64
		Node  core.NodeID // zero: still queued
		Name  string
	}

	// TasksView is a list of tasks, oldest first. With More it goes on after Next.
	TasksView struct {
		Tasks []*wire.Task
		Next  ledger.Cursor
		More  bool
	}

	// RunsView is the attempts that run, by their tokens, and since when, as Unix time
	// in nanoseconds; 0: not known.
	RunsView map[core.Fence]int64

	// SchedulesView is schedules by name.
	SchedulesView struct{ Schedules []*wire.Schedule }

	// Output is a piece of a task's output.
	Output struct {
		Attempt uint32
		Stream  int // 1 stdout, 2 stderr
		Data    []byte
		// At is, behind a gap, how many bytes of the attempt's output come
		// before the data, those that are missing counted; 0: no gap.
		At uint64
	}

	// Appended is the index of a note.
	Appended struct{ Index uint64 }

	// LogRecord is one entry of the log.
	LogRecord struct {
		Index, Term uint64
		Wall        int64
		Kind        string // conf, empty, or commands
		Commands    []*wire.Command
		Text        string // what it does, in words
	}

	// Record is one event for `hb events`. Index is the log's entry that it comes
	// from, the same on all members and told again by a node that starts; 0: only
	// this node has seen it.
	Record struct {
		Cursor  uint64
		Wall    int64
		Index   uint64
		Kind    string
		Subject string
		Detail  string
	}
)
