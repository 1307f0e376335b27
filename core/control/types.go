package control

import "time"

// Members is the shape hb.members/1: the table of one node.
type Members struct {
	Schema  string   `json:"schema"`
	Cluster Cluster  `json:"cluster"`
	Members []Member `json:"members"`
	// Isolated says that the node hears nobody, and so judges nobody.
	Isolated bool `json:"isolated"`
}

// Cluster names a cluster; all is null before the node is in one.
type Cluster struct {
	ID    *string `json:"id"`
	Name  *string `json:"name"`
	Epoch *string `json:"epoch"` // 0, or that of a recovery
}

// Member is one row of Members.
type Member struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Address  *string           `json:"address"`
	Status   string            `json:"status"` // alive, suspect, dead, left, unreachable
	Agreed   *string           `json:"agreed"` // up, down, left
	Role     string            `json:"role"`   // leader, voter, learner, member
	Self     bool              `json:"self"`
	Drained  bool              `json:"drained"`
	Stress   *int              `json:"stress"` // 0 to 1000
	RTT      *float64          `json:"rtt_seconds"`
	Tasks    Slots             `json:"tasks"`
	Applied  *string           `json:"applied"`
	Version  *string           `json:"version"`
	Tags     map[string]string `json:"tags"`
	Instance uint32            `json:"instance"`
	Since    *time.Time        `json:"since"`
	Blame    *string           `json:"blame"` // who suspects it, and why
}

// Slots is how many tasks run on a member, and how many may.
type Slots struct {
	Running *int `json:"running"`
	Slots   *int `json:"slots"`
}

// Leader is the shape hb.leader/1; all but the flags is null when nobody is
// known to lead.
type Leader struct {
	Schema    string   `json:"schema"`
	ID        *string  `json:"id"`
	Name      *string  `json:"name"`
	Address   *string  `json:"address"`
	Term      *string  `json:"term"`
	Confirmed bool     `json:"confirmed"` // by a quorum, between question and answer
	Age       *float64 `json:"age_seconds"`
	Self      bool     `json:"self"`
}

// Named is a node by ID and name.
type Named struct {
	ID   *string `json:"id"`
	Name *string `json:"name"`
}

// Features are feature levels: of the cluster's log and of this node's program.
// HeldBackBy are the members because of which the log is not at this node's.
type Features struct {
	Cluster    int      `json:"cluster"`
	Here       int      `json:"here"`
	HeldBackBy []string `json:"held_back_by"`
}

// Status is the shape hb.status/1: one node in one page.
type Status struct {
	Schema       string   `json:"schema"`
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Version      string   `json:"version"`
	Cluster      Cluster  `json:"cluster"`
	Features     Features `json:"features"`
	Detector     string   `json:"detector"`
	Role         string   `json:"role"`
	Leader       Named    `json:"leader"`
	Term         *string  `json:"term"`
	Commit       *string  `json:"commit"`
	Applied      *string  `json:"applied"`
	Voters       []Named  `json:"voters"`
	Survives     int      `json:"survives"` // how many voters may be lost
	Health       string   `json:"health"`   // healthy, degraded, isolated, no-quorum
	Plight       *string  `json:"plight"`   // why there is no leader, where that is known
	ToDo         *string  `json:"to_do"`    // what can be done about it
	Stress       int      `json:"stress"`
	Uptime       float64  `json:"uptime_seconds"`
	MembersAlive int      `json:"members_alive"`
	Members      int      `json:"members"`
	Tasks        Work     `json:"tasks"`
	Unable       []Unable `json:"unable"` // what this node would run, if something were not in the way
	// Unconfined is why tasks get no cgroups here; null: they get some.
	Unconfined *string `json:"unconfined"`
	// Certified is when this node's certificate ends; null: it has none.
	Certified *time.Time `json:"certificate_ends"`
}

// Work counts tasks: those that wait for a member, those that one has, and, by
// how they ended, those that ended since this node started.
type Work struct {
	Queued   int               `json:"queued"`
	Assigned int               `json:"assigned"`
	Ended    map[string]uint64 `json:"ended"`
}

// Voters is the shape hb.voters/1: who votes on the log, and why. Without a
// leader settled is null.
type Voters struct {
	Schema   string  `json:"schema"`
	Target   int     `json:"target"` // how many shall vote
	Voting   int     `json:"voting"` // how many do
	Survives int     `json:"survives"`
	Leader   *string `json:"leader"`
	Changing bool    `json:"changing"` // a change is under way
	Settled  *bool   `json:"settled"`  // the leader means to change nothing
	Members  []Voter `json:"members"`
}

// Voter is one member's part in the log.
type Voter struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Role    string     `json:"role"`   // leader, voter, learner, member
	Agreed  *string    `json:"agreed"` // up, down, left
	Status  *string    `json:"status"` // as this node believes
	Wish    string     `json:"wish"`   // auto, promoted, demoted
	Match   *string    `json:"match"`  // it holds the log up to here, as the leader knows
	Applied *string    `json:"applied"`
	Zone    *string    `json:"zone"`
	Since   *time.Time `json:"since"`
	Why     string     `json:"why"`
}

// Keys is the shape hb.keys/1: the keys that datagrams are sealed with, newest
// first. Missing are members, by name, that cannot have the newest from the log
// yet.
type Keys struct {
	Schema  string   `json:"schema"`
	Keys    []Key    `json:"keys"`
	Missing []string `json:"missing"`
}

// Key is one generation, without the key.
type Key struct {
	Generation uint32     `json:"generation"`
	State      string     `json:"state"` // current, accepted, unread, retired
	Since      *time.Time `json:"since"`
	Index      string     `json:"index"`   // of the log's entry
	Members    *int       `json:"members"` // that have the newest from the log
	Why        string     `json:"why"`
}

// Positions is the shape hb.positions/1: how far everybody's log is. Commit is
// the highest index that anybody knows to be committed.
type Positions struct {
	Schema  string     `json:"schema"`
	Commit  *string    `json:"commit"`
	Members []Position `json:"members"`
}

// Position is one member's log; what it has not told is null.
type Position struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Role     string  `json:"role"`
	Status   string  `json:"status"`
	Self     bool    `json:"self"`
	Answered bool    `json:"answered"`
	Term     *string `json:"term"`
	Commit   *string `json:"commit"`
	Applied  *string `json:"applied"`
	Lag      *int64  `json:"lag"`      // entries committed and not applied there
	Match    *string `json:"match"`    // as the leader knows
	First    *string `json:"first"`    // the oldest entry it still has
	Last     *string `json:"last"`     // the newest, committed or not
	Snapshot *string `json:"snapshot"` // index of its newest snapshot
}

// Spec is what POST /v1/tasks takes. Task may be null or absent: then the
// server mints one, and a repeated call makes a second task.
type Spec struct {
	Task      *string  `json:"task"`
	Name      string   `json:"name"`
	Argv      []string `json:"argv"`
	Args      []string `json:"args"` // of a task by name, in the place of argv
	Env       []string `json:"env"`  // K=V
	Cwd       string   `json:"cwd"`
	On        string   `json:"on"`    // a node's name or ID, or @leader
	Where     []string `json:"where"` // tag=V, tag!=V
	Once      bool     `json:"once"`
	Retries   uint32   `json:"retries"`
	TimeLimit float64  `json:"time_limit_seconds"` // 0: none
	Key       string   `json:"key"`
	Priority  string   `json:"priority"`     // low, normal (or empty), high
	Weight    float64  `json:"weight"`       // seconds it should take; 0: unknown
	Keep      float64  `json:"keep_seconds"` // of its record; 0: as usual
	NoQueue   bool     `json:"no_queue"`
	Prefer    string   `json:"prefer"` // idle, or empty
	Exclusive string   `json:"exclusive"`
	Array     uint32   `json:"array"` // so many elements; 0: none
	All       bool     `json:"all"`   // an element for each member
	Parallel  uint32   `json:"parallel"`
	// MaxFailures is how many elements may fail before nothing new starts: -1
	// any number; 0 one with Parallel, else any number.
	MaxFailures int32  `json:"max_failures"`
	SkipDown    bool   `json:"skip_down"`
	Rerun       bool   `json:"rerun"` // On and All do not mean Once
	Stdin       []byte `json:"stdin"` // base64
	OnFailure   string `json:"on_failure"`
}

// Element is one element of a task.
type Element struct {
	N      uint32  `json:"n"`
	Node   *string `json:"node"` // null: it has not been granted yet
	Status string  `json:"status"`
	Exit   *int    `json:"exit"`
}

// Missing is a member that a task for all members could not reach.
type Missing struct {
	Node  string     `json:"node"`
	Why   string     `json:"why"` // down, drained
	Since *time.Time `json:"since"`
}

// Explanation is the shape hb.explanation/1: how the leader would place a task.
type Explanation struct {
	Schema     string      `json:"schema"`
	Choice     *string     `json:"choice"` // null: it would wait
	Demand     *float64    `json:"demand_seconds"`
	Candidates []Candidate `json:"candidates"`
}

// Candidate is a member as the choice sees it.
type Candidate struct {
	Node       string   `json:"node"`
	Busy       *int     `json:"busy"`
	Slots      *int     `json:"slots"`
	Others     *float64 `json:"others_share"` // of the machine
	Slowness   float64  `json:"slowness"`
	Completion *float64 `json:"completion_seconds"`
	Why        *string  `json:"why"`    // what keeps it from running there now
	Stress     *int     `json:"stress"` // 0 to 1000
}

// Submitted is the shape hb.submitted/1; Node is null while it is queued.
type Submitted struct {
	Schema string  `json:"schema"`
	Task   string  `json:"task"`
	Index  string  `json:"index"`
	Node   *string `json:"node"`
}

// Task is the shape hb.task/1: the whole record.
type Task struct {
	Schema    string     `json:"schema"`
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Argv      []string   `json:"argv"` // empty for a task by name
	Args      []string   `json:"args"` // of that
	Status    string     `json:"status"`
	Reason    *string    `json:"reason"`
	Key       *string    `json:"key"`
	On        *string    `json:"on"`
	Where     []string   `json:"where"`
	Once      bool       `json:"once"`
	Retries   uint32     `json:"retries"`
	TimeLimit *float64   `json:"time_limit_seconds"`
	Cwd       *string    `json:"cwd"`
	Env       []string   `json:"env"`
	Index     string     `json:"index"`
	Submitted *time.Time `json:"submitted"`
	Ended     *time.Time `json:"ended"`
	Attempts  []Attempt  `json:"attempts"`
	// Exit is what a command that waits for the task returns; null until it
	// has ended, and for ever when nobody knows.
	Exit   *int    `json:"exit"`
	Result *Result `json:"result"`

	Priority  string    `json:"priority"`
	Weight    *float64  `json:"weight"`
	Keep      *float64  `json:"keep_seconds"`
	Prefer    *string   `json:"prefer"`
	Exclusive *string   `json:"exclusive"`
	OnFailure *string   `json:"on_failure"`
	All       bool      `json:"all"`
	Elements  []Element `json:"elements"`
	Missing   []Missing `json:"missing"`
	// Waiting is why it is queued still, and Candidates how its members look; null
	// and empty when it is not queued, or no leader can be asked.
	Waiting    *string     `json:"waiting"`
	Candidates []Candidate `json:"candidates"`
}

// Attempt is one grant of a task to a member.
type Attempt struct {
	N       uint32     `json:"n"`
	Fence   string     `json:"fence"`
	Node    string     `json:"node"`
	Started *time.Time `json:"started"`
	Ended   *time.Time `json:"ended"`
	Exit    *int       `json:"exit"`
	Signal  *int       `json:"signal"`
	Outcome *string    `json:"outcome"`
	Error   *string    `json:"error"`
	Why     *string    `json:"why"` // the leader's reason for choosing the node
}

// Result is what the log keeps of a task's output and cost.
type Result struct {
	StdoutTail string  `json:"stdout_tail"`
	StderrTail string  `json:"stderr_tail"`
	Truncated  bool    `json:"truncated"`
	CPU        float64 `json:"cpu_seconds"`
	MaxRSS     *int64  `json:"max_rss_bytes"` // null: less than the process that started it had
	Error      *string `json:"error"`
	OutputLost *string `json:"output_lost"` // why the end of its output was not kept
}

// Tasks is the shape hb.tasks/1: what this node has applied, oldest first.
type Tasks struct {
	Schema string    `json:"schema"`
	Tasks  []TaskRow `json:"tasks"`
	// Next is where the next page begins (?after=), null on the last.
	Next *string `json:"next"`
}

// TaskRow is a task in a list; node and attempt are those of the last grant.
type TaskRow struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Argv      []string   `json:"argv"`
	Args      []string   `json:"args"`
	Status    string     `json:"status"`
	Key       *string    `json:"key"`
	Node      *string    `json:"node"`
	Attempt   *uint32    `json:"attempt"`
	Submitted *time.Time `json:"submitted"`
	Ended     *time.Time `json:"ended"`
	Exit      *int       `json:"exit"`
}

// Output is the shape hb.output/1: a piece of what a task wrote, or, as the
// last of its stream, the task.
type Output struct {
	Schema  string `json:"schema"`
	Attempt uint32 `json:"attempt"`
	Stream  string `json:"stream"`    // stdout, stderr
	Offset  uint64 `json:"offset"`    // of Data in the attempt's output, both streams counted
	Gap     uint64 `json:"gap_bytes"` // of the output right before Data that its member has not kept
	Data    []byte `json:"data"`      // base64
	Task    *Task  `json:"task"`
}

// Event is the shape hb.event/1.
type Event struct {
	Schema  string    `json:"schema"`
	Cursor  string    `json:"cursor"`
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Subject string    `json:"subject"`
	Detail  string    `json:"detail"`
	// Index is that of the log's entry it comes from; null: only this node saw it.
	Index *string `json:"index"`
}

// Entry is the shape hb.entry/1: one entry of the agreed log.
type Entry struct {
	Schema   string     `json:"schema"`
	Index    string     `json:"index"`
	Term     string     `json:"term"`
	Time     *time.Time `json:"time"`
	Kind     string     `json:"kind"` // commands, conf, empty
	Commands []Command  `json:"commands"`
	Text     string     `json:"text"` // what it does, in words
}

// Command is one command of an entry.
type Command struct {
	Kind     string  `json:"kind"`
	Proposer *string `json:"proposer"`
	Task     *string `json:"task"`
	Text     *string `json:"text"` // of a note
}

// Appended is what POST /v1/log answers.
type Appended struct {
	Index string `json:"index"`
}
