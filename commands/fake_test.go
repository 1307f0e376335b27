package commands

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hb/core"
	"hb/core/control"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// fake is a node without a cluster: it answers as its mode says, so that a
// script can meet every answer there is. A task's words choose its fate:
//
//	outcome STATUS [EXIT [SIGNAL [ERROR]]]   ends so, after printing to both streams
//	wait                                     stays queued until it is cancelled
//	forever                                  runs until it is cancelled
//	stubborn                                 runs on even then
type fake struct {
	mode  string
	mutex sync.Mutex
	tasks map[core.TaskID]*wire.Task
	asked map[string]int // requests so far, by type
	news  chan struct{}  // closed at the next request or change
	lost  bool           // an answer has been lost on purpose

	target int // voters that were asked for
	wishes map[core.NodeID]ledger.Vote
	book   *ledger.State // of schedules
	door   *ledger.State // of tokens
}

// startFake puts a fake behind a socket.
func startFake(mode, socket string) (*fake, func(), error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, nil, err
	}
	f := &fake{mode: mode, tasks: map[core.TaskID]*wire.Task{}, asked: map[string]int{}, news: make(chan struct{}), wishes: map[core.NodeID]ledger.Vote{}}
	s := &http.Server{Handler: control.NewServer(f)}
	if mode == "mumbles" { // what no hb says
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hmm\n") })
	}
	control.Guard(s, func(net.Conn) control.Caller { return control.Caller{Right: control.Admin} })
	go s.Serve(l)
	return f, func() { s.Close() }, nil
}

// waitAsked waits until a kind of request has come n times.
func (f *fake) waitAsked(kind string, n int) bool {
	deadline := time.After(30 * time.Second)
	for {
		f.mutex.Lock()
		seen, news := f.asked[kind], f.news
		f.mutex.Unlock()
		if seen >= n {
			return true
		}
		select {
		case <-news:
		case <-deadline:
			return false
		}
	}
}

// askedFor counts the requests of a kind so far.
func (f *fake) askedFor(kind string) int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.asked[kind]
}

// ids lists the submitted tasks.
func (f *fake) ids() (ids []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for id := range f.tasks {
		ids = append(ids, id.String())
	}
	return ids
}

// changed wakes whoever waits; the mutex is held.
func (f *fake) changed() {
	close(f.news)
	f.news = make(chan struct{})
}

// Ask answers as the mode says.
func (f *fake) Ask(ctx context.Context, r node.Request) <-chan node.Reply {
	out := make(chan node.Reply, 100)
	f.mutex.Lock()
	defer f.mutex.Unlock()
	kind := strings.TrimPrefix(typeName(r), "node.")
	f.asked[kind]++
	f.changed()
	if f.mode == "hangs" {
		return out
	}
	if fault := f.refusal(r); fault != nil {
		out <- node.Reply{Body: fault, Last: true}
		return out
	}
	switch q := r.(type) {
	case node.WaitTask:
		go f.follow(ctx, q.Task, out, false)
	case node.FollowOutput:
		if f.tasks[q.Task] == nil {
			out <- node.Reply{Body: unheard(q.Task), Last: true}
		} else if q.Follow {
			go f.follow(ctx, q.Task, out, true)
		} else {
			f.output(out)
			out <- node.Reply{Body: f.tasks[q.Task], Last: true}
		}
	case node.FollowEvents:
		if f.mode == "chatty" {
			go chatter(ctx, out)
		} else {
			f.events(q, out)
		}
	case node.FollowLog:
		f.log(q, out)
	case node.SubmitTask:
		if f.mode == "forgetful" && !f.lost {
			f.lost = true
			close(out) // the answer is lost, the task is not
		} else {
			out <- node.Reply{Body: f.answer(q), Last: true}
		}
	default:
		out <- node.Reply{Body: f.answer(q), Last: true}
	}
	return out
}

func typeName(r node.Request) string {
	switch r.(type) {
	case node.SubmitTask:
		return "SubmitTask"
	case node.CancelTask:
		return "CancelTask"
	case node.FollowOutput:
		return "FollowOutput"
	case node.FollowLog:
		return "FollowLog"
	case node.WaitTask:
		return "WaitTask"
	case node.FollowEvents:
		return "FollowEvents"
	case node.Await:
		return "Await"
	}
	return "other"
}

// refusal is what some modes answer to some requests.
func (f *fake) refusal(r node.Request) *core.Fault {
	_, leader := r.(node.GetLeader)
	_, submit := r.(node.SubmitTask)
	stale := leader && r.(node.GetLeader).Stale
	switch {
	case f.mode == "no-quorum" && leader && !stale:
		return core.Faultf(core.CodeNoQuorum, "no quorum confirmed a leader within 2s")
	case f.mode == "no-quorum" && submit:
		return core.Faultf(core.CodeNoQuorum, "there is no leader to take the task")
	case submit && len(r.(node.SubmitTask).Spec.Argv) == 0 && r.(node.SubmitTask).Spec.Name != "rotate":
		return core.Faultf(core.CodeUnheard, "no member defines a task named %q", r.(node.SubmitTask).Spec.Name)
	case f.mode == "busy" && submit:
		return core.Faultf(core.CodeBusy, "100000 tasks are open").WithHint("try again later")
	case f.mode == "denied" && submit:
		return core.Faultf(core.CodeDenied, "no live member may run it").WithHint("allow_exec = true")
	case f.mode == "key" && submit:
		return core.Faultf(core.CodeBadInput, "the key is that of another task")
	}
	return nil
}

func unheard(id core.TaskID) *core.Fault {
	return core.Faultf(core.CodeUnheard, "nobody knows a task %s", id)
}

// instant is when everything happens in a fake.
const instant = 1_700_000_000_000_000_000

func (f *fake) answer(r node.Request) any {
	switch q := r.(type) {
	case node.GetMembers:
		return f.members()
	case node.GetStatus:
		return f.status()
	case node.GetLeader:
		if f.mode == "no-quorum" {
			return node.LeaderView{}
		}
		return f.leader()
	case node.TransferLeader:
		return f.leader()
	case node.SubmitTask:
		return f.submit(q)
	case node.GetTask:
		return f.task(q.Task)
	case node.CancelTask:
		return f.cancel(q.Task)
	case node.RetryTask:
		return f.retry(q)
	case node.AskRuns:
		return node.RunsView{}
	case node.ExplainTask:
		e := explained()
		if q.Task != (core.TaskID{}) {
			e.Waits = "c is down"
		}
		return e
	case node.DrainNode:
		return nil
	case node.SetTags:
		return node.TagsView{Tags: q.Set}
	case node.ListSchedules:
		return f.schedules(q)
	case node.ChangeSchedule:
		return f.changeSchedule(q)
	case node.ListTasks:
		return f.list(q.Query)
	case node.AppendNote:
		return node.Appended{Index: uint64(len(q.Text))}
	case node.Probe:
		return f.probe(q)
	case node.ProbeMesh:
		return f.mesh(q)
	}
	return f.quorum(r)
}

func (f *fake) leader() node.LeaderView {
	return node.LeaderView{
		ID: 2, Name: "b", Addr: netip.MustParseAddrPort("127.0.0.1:7002"), Term: 4,
		Confirmed: true, Age: 1500 * time.Millisecond, Self: f.mode == "leads",
	}
}

func (f *fake) members() node.MembersView {
	v := node.MembersView{Cluster: node.ClusterView{ID: core.ClusterID{0xab}, Name: "lab"}}
	add := func(id core.NodeID, name string, status core.Status, agreed, role string) *node.MemberView {
		v.Members = append(v.Members, node.MemberView{
			ID: id, Name: name, Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 7000+uint16(id)),
			Status: status, Agreed: agreed, Role: role, RTT: -1, Version: "0.1.0", Instance: 1, Since: instant,
		})
		return &v.Members[len(v.Members)-1]
	}
	self := add(1, "a", core.Alive, "up", "voter")
	self.Self, self.Loaded, self.Applied, self.Tags = true, true, 19, map[string]string{"disk": "big", "zone": "x"}
	self.Load = core.Load{Stress: 120, Running: 1, Slots: 4}
	other := add(2, "b", core.Alive, "up", "leader")
	other.RTT, other.Tags = 1250*time.Microsecond, map[string]string{"disk": "small"}
	add(3, "c", core.Dead, "down", "voter")
	add(4, "d", core.Suspect, "", "member").Blame = "b: no ack"
	if f.mode == "hostile" {
		v.Members[0].Name, v.Members[0].Tags = "a\x1b[2J\nb", map[string]string{"\x1b]0;x\x07": "\u202e"}
	}
	return v
}

func (f *fake) status() node.StatusView {
	return node.StatusView{
		ID: 1, Name: "a", Version: "0.1.0", Cluster: node.ClusterView{ID: core.ClusterID{0xab}, Name: "lab"}, Detector: "swim",
		Features: node.FeaturesView{Cluster: 1, Here: 2, Holding: []string{"b (hb 0.0.9)"}}, Leader: f.leader(), Term: 4, Commit: 20, Applied: 19, Voters: []core.NodeID{1, 2, 3}, Role: "voter", Health: "degraded",
		Stress: 120, Uptime: 90 * time.Second, MembersAlive: 2, Members: 4, Unconfined: "the whole of cgroup v2 is not to be seen here",
	}
}

// submit knows the same key again, as the ledger does.
func (f *fake) submit(q node.SubmitTask) any {
	for _, t := range f.tasks {
		if q.Spec.Key != "" && t.Spec.Key == q.Spec.Key {
			var id core.TaskID
			copy(id[:], t.Id)
			return node.Submitted{Task: id, Index: t.Index, Node: 2, Name: "b"}
		}
	}
	f.tasks[q.Task] = taskOf(q)
	out := node.Submitted{Task: q.Task, Index: 30, Node: 2, Name: "b"}
	if f.mode == "all-down" {
		out.Node = 0
	}
	return out
}

func taskOf(q node.SubmitTask) *wire.Task {
	t := &wire.Task{
		Id: q.Task[:], Spec: q.Spec, Status: "assigned", Index: 30, SubmittedNanos: instant,
		Attempts: []*wire.Attempt{{N: 1, Fence: 30 << 20, Node: 2}},
	}
	word := func(i int) string {
		if i < len(q.Spec.Argv) {
			return q.Spec.Argv[i]
		}
		return ""
	}
	if word(0) == "wait" {
		t.Status, t.Attempts = ledger.Queued, nil
	}
	if word(0) != "outcome" {
		return t
	}
	exit, _ := strconv.Atoi(word(2))
	sig, _ := strconv.Atoi(word(3))
	t.Status, t.EndedNanos = word(1), instant+2e9
	if t.Status == "unknown" {
		t.Reason = "its member was lost"
		return t
	}
	t.Result = &wire.Result{
		Exit: int32(exit), Signal: int32(sig), Error: word(4), StartedNanos: instant + 1e6, EndedNanos: instant + 2e9,
		StdoutTail: []byte("out\n"), StderrTail: []byte("err\n"), CpuNanos: 2e6, MaxRssBytes: 1 << 20,
	}
	t.Attempts[0].Result, t.Attempts[0].Outcome = t.Result, "ended"
	return t
}

func (f *fake) task(id core.TaskID) any {
	if t := f.tasks[id]; t != nil {
		return t
	}
	return unheard(id)
}

func (f *fake) cancel(id core.TaskID) any {
	t := f.tasks[id]
	if t == nil {
		return unheard(id)
	}
	if t.EndedNanos == 0 {
		t.Status = "cancelling"
		if word := t.Spec.Argv[0]; word == "forever" || word == "wait" {
			t.Status, t.EndedNanos, t.Result = "cancelled", instant+3e9, &wire.Result{Signal: 15, Cancelled: true}
		}
		f.changed()
	}
	return t
}

func (f *fake) retry(q node.RetryTask) any {
	t := f.tasks[q.Task]
	switch {
	case t == nil:
		return unheard(q.Task)
	case t.EndedNanos == 0:
		return core.Faultf(core.CodeNo, "task %s has not ended: it is %s", q.Task, t.Status)
	}
	return f.submit(node.SubmitTask{Task: q.As, Spec: t.Spec})
}

func explained() *wire.Explained {
	return &wire.Explained{Leading: true, Choice: 2, DemandNanos: 2e9, Candidates: []*wire.Candidate{
		{Node: 1, Name: "a", Slots: 4, Busy: 4, Known: true, OthersPermille: 250, Slowness: 1, CompletionNanos: 3e9, Why: "4 of 4 slots taken"},
		{Node: 2, Name: "b", Slots: 2, Busy: 1, Known: true, Slowness: 1.5, CompletionNanos: 3e9, Cost: 1},
		{Node: 3, Name: "c", Slowness: 1, Why: "down"},
	}}
}

// list is always the same, whatever was submitted.
func (f *fake) list(q ledger.Query) node.TasksView {
	var v node.TasksView
	add := func(n byte, q *wire.Spec) *wire.Task {
		t := taskOf(node.SubmitTask{Task: core.MintTaskID(instant/1_000_000, [10]byte{n}), Spec: q})
		v.Tasks = append(v.Tasks, t)
		return t
	}
	add(1, &wire.Spec{Name: "backup", Argv: []string{"outcome", "failed", "7"}, Key: "nightly"})
	queued := add(2, &wire.Spec{Name: "sh", Argv: []string{"sh", "-c", "echo 'it''s'"}})
	queued.Status, queued.Attempts = "queued", nil
	v.Tasks = slices.DeleteFunc(v.Tasks, func(t *wire.Task) bool {
		return len(q.Status) > 0 && !slices.Contains(q.Status, t.Status) || q.Name != "" && t.Spec.Name != q.Name ||
			t.SubmittedNanos < q.Since || q.Node != 0 && (len(t.Attempts) == 0 || core.NodeID(t.Attempts[0].Node) != q.Node)
	})
	if len(v.Tasks) > 1 && f.mode == "paged" { // one a page
		at := min(int(q.After.Order), 1)
		v.Tasks, v.Next, v.More = v.Tasks[at:at+1], ledger.Cursor{Order: 1}, at == 0
	}
	return v
}

func (f *fake) output(out chan<- node.Reply) {
	first := node.Output{Attempt: 1, Stream: 1, Data: []byte("out\n")}
	if f.mode == "forgets-output" {
		first.At = 1000
	}
	out <- node.Reply{Body: first}
	out <- node.Reply{Body: node.Output{Attempt: 1, Stream: 2, Data: []byte("err\n")}}
}

// follow answers when the task has ended.
func (f *fake) follow(ctx context.Context, id core.TaskID, out chan<- node.Reply, output bool) {
	if output {
		f.output(out)
	}
	for {
		f.mutex.Lock()
		t, news := f.tasks[id], f.news
		ended := t != nil && t.EndedNanos != 0
		f.mutex.Unlock()
		switch {
		case t == nil:
			out <- node.Reply{Body: unheard(id), Last: true}
			return
		case ended:
			out <- node.Reply{Body: t, Last: true}
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

func (f *fake) events(q node.FollowEvents, out chan<- node.Reply) {
	all := []node.Record{
		{Cursor: 1, Wall: instant, Kind: "member-alive", Subject: "b", Detail: "first heard of"},
		{Cursor: 2, Wall: instant + 1e9, Kind: "leader", Subject: "b", Detail: "term 4"},
		{Cursor: 3, Wall: instant + 2e9, Kind: "gap"},
	}
	for _, r := range all {
		if r.Cursor > q.Since && !q.FromNow {
			out <- node.Reply{Body: r}
		}
	}
	if !q.Follow {
		out <- node.Reply{Last: true}
	}
}

// chatter goes on until nobody listens.
func chatter(ctx context.Context, out chan<- node.Reply) {
	for cursor := uint64(1); ; cursor++ {
		select {
		case out <- node.Reply{Body: node.Record{Cursor: cursor, Wall: instant, Kind: "health", Subject: "a"}}:
		case <-ctx.Done():
			return
		}
	}
}

func (f *fake) log(q node.FollowLog, out chan<- node.Reply) {
	for _, r := range []node.LogRecord{
		{Index: 1, Term: 1, Kind: "empty", Text: "a leader begins its term"},
		{Index: 2, Term: 1, Wall: instant, Kind: "commands", Text: "note: hi\nthere", Commands: []*wire.Command{
			{Proposer: 1, Body: &wire.Command_Note{Note: &wire.Note{Text: []byte("hi\nthere")}}},
		}},
	} {
		if r.Index >= q.From {
			out <- node.Reply{Body: r}
		}
	}
	if !q.Follow {
		out <- node.Reply{Last: true}
	}
}
