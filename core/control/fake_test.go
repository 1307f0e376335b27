package control

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// backend is a node that answers each request as a function says; nil means
// that it never does, and a reply without Last that it ends there.
type backend func(node.Request) []node.Reply

func (b backend) Ask(ctx context.Context, r node.Request) <-chan node.Reply {
	replies := b(r)
	if replies == nil {
		return make(chan node.Reply)
	}
	out := make(chan node.Reply, len(replies))
	for _, reply := range replies {
		out <- reply
	}
	close(out)
	return out
}

// last is one whole answer.
func last(body any) []node.Reply { return []node.Reply{{Body: body, Last: true}} }

// adminServer is NewServer for callers who may do everything.
func adminServer(b Backend) http.Handler {
	inner := NewServer(b)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, Caller{Right: Admin})))
	})
}

// serve puts a handler behind a new socket and gives its path.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: nil}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return path
}

// raw makes a request as curl would, and gives status and body.
func raw(t *testing.T, b backend, method, path, body string) (int, string) {
	t.Helper()
	c := NewClient(serve(t, adminServer(b)))
	resp, err := c.exchange(soon(t), method, path, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

// soon is a context that no test should see the end of.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

const noon = 1_700_000_000_123_456_789 // a time of day, Unix nanoseconds

func exampleTask() *wire.Task {
	id := core.MintTaskID(noon/1_000_000, [10]byte{1, 2, 3})
	result := &wire.Result{
		Exit: 7, StartedNanos: noon + 1e6, EndedNanos: noon + 2e9, StdoutTail: []byte("out\n"), StderrTail: []byte("bad \xff\n"),
		Truncated: true, CpuNanos: 15e5, MaxRssBytes: 4 << 20,
	}
	return &wire.Task{
		Id: id[:], Status: "failed", Index: 12, SubmittedNanos: noon, EndedNanos: noon + 2e9, Result: result,
		Spec: &wire.Spec{Name: "sh", Argv: []string{"sh", "-c", "exit 7"}, Key: "k", Retries: 1, TimeLimitNanos: 15e8, Env: []string{"A=b"}},
		Attempts: []*wire.Attempt{
			{N: 1, Fence: 12 << 20, Node: 2, Outcome: "requeued"},
			{N: 2, Fence: 15<<20 + 1, Node: 99, Outcome: "ended", Result: result},
		},
	}
}

// example answers every request with something that fills its shape.
func example(r node.Request) []node.Reply {
	leader := node.LeaderView{ID: 2, Name: "b", Addr: netip.MustParseAddrPort("127.0.0.1:7002"), Term: 4, Confirmed: true}
	switch q := r.(type) {
	case node.GetMembers:
		return last(node.MembersView{
			Cluster: node.ClusterView{ID: core.ClusterID{1, 2}, Name: "lab"},
			Members: []node.MemberView{
				{
					ID: 1, Name: "a", Addr: netip.MustParseAddrPort("127.0.0.1:7001"), Status: core.Alive, Agreed: "up", Role: "voter", Self: true,
					Load: core.Load{Stress: 10, Running: 1, Slots: 4}, Loaded: true, RTT: 1500 * time.Microsecond, Applied: 9,
					Version: "0.1.0", Tags: map[string]string{"disk": "big"}, Instance: 3, Since: noon,
				},
				{ID: 2, Name: "b", Status: core.Suspect, Role: "leader", RTT: -1, Blame: "a: no ack"},
			},
		})
	case node.GetLeader:
		if q.Stale {
			return last(node.LeaderView{})
		}
		return last(leader)
	case node.ListLocks:
		return last(node.LocksView{Locks: []*wire.Lock{{Name: "db", Sessions: []*wire.LockSession{
			{Session: make([]byte, 16), Node: 1, Fence: 7 << 20, SinceNanos: noon},
			{Session: bytes.Repeat([]byte{0xab}, 16), Node: 2, SinceNanos: noon + 1e9},
		}}}})
	case node.HoldLock:
		return []node.Reply{
			{Body: node.LockView{}},
			{Body: node.LockView{Held: true, Fence: 7 << 20, Until: 1e12, Left: 9500 * time.Millisecond}},
			{Last: true},
		}
	case node.TransferLeader:
		return last(leader)
	case node.GetStatus:
		return last(node.StatusView{
			ID: 1, Name: "a", Version: "0.1.0", Cluster: node.ClusterView{ID: core.ClusterID{1, 2}, Name: "lab"}, Features: node.FeaturesView{Cluster: 1, Here: 2, Holding: []string{"b (hb 0.1.0)"}}, Detector: "swim", Leader: leader,
			Term: 4, Commit: 20, Applied: 19, Voters: []core.NodeID{1, 2, 77}, Role: "voter", Health: "healthy", Stress: 12,
			Uptime: 90 * time.Second, MembersAlive: 3, Members: 4,
		})
	case node.SubmitTask:
		return last(node.Submitted{Task: q.Task, Index: 30, Node: 2, Name: "b"})
	case node.GetTask, node.WaitTask, node.CancelTask:
		return last(exampleTask())
	case node.ListTasks:
		queued := core.MintTaskID(noon/1_000_000, [10]byte{9})
		return last(node.TasksView{Tasks: []*wire.Task{exampleTask(), {Id: queued[:], Status: "queued", Spec: &wire.Spec{Name: "true", Argv: []string{"true"}}, SubmittedNanos: noon}}})
	case node.AppendNote:
		return last(node.Appended{Index: 41})
	case node.Probe:
		return last(node.ProbeView{UDP: node.Reach{OK: true, RTT: time.Millisecond}, TCP: node.Reach{Error: "refused"}, Via: []node.Reach{{Node: "b", OK: true, RTT: time.Second}, {Node: "c"}}})
	case node.ProbeMesh:
		return last(node.MeshView{
			Members: []node.MeshMember{{ID: 1, Name: "a", Self: true, Answered: true}, {ID: 2, Name: "b"}},
			Pairs:   []node.MeshPair{{From: 1, To: 2, Known: true, Arrives: true, RTT: time.Millisecond, Status: core.Alive}, {From: 2, To: 1, RTT: -1}},
		})
	case node.Await, node.Leave, node.Forget:
		return last(nil)
	case node.GetVoters:
		return last(node.VotersView{Target: 3, Voting: 1, Members: []node.VoterView{{ID: 1, Name: "a", Role: "voter", Vote: "auto"}}})
	case node.SetVoters, node.SetVote:
		return last(node.VotersView{Target: 5, Voting: 2, Leader: 2, Known: true, Settled: true, Members: []node.VoterView{
			{ID: 2, Name: "b", Role: "leader", State: "up", Status: core.Alive, Vote: "promoted", Match: 20, Applied: 19, Zone: "x", Since: noon, Why: "promoted"},
		}})
	case node.GetKeys:
		return last(node.KeysView{
			Keys: []node.KeyView{
				{Generation: 2, State: "current", Index: 40, SinceNanos: noon, Members: 2, Why: "a member was forgotten"},
				{Generation: 1, State: "accepted", Index: 2, SinceNanos: noon - 1e9, Why: "the cluster begins"},
			},
			Missing: []node.Name{{ID: 3, Name: "c"}},
		})
	case node.RotateKeys:
		return last(node.KeysView{Keys: []node.KeyView{{Generation: 3, State: "current", Index: 41, SinceNanos: noon, Members: 3, Why: "asked for"}}})
	case node.GetPositions:
		return last(node.PositionsView{Commit: 20, Members: []node.PositionView{
			{ID: 2, Name: "b", Role: "leader", Status: core.Alive, OK: true, Term: 4, Commit: 20, Applied: 18, First: 2, Last: 21, Snapshot: 1, Match: 21},
			{ID: 1, Name: "a", Role: "member", Status: core.Dead, Self: true},
		}})
	case node.FollowOutput:
		return []node.Reply{
			{Body: node.Output{Attempt: 1, Stream: 1, Data: []byte("one\n")}},
			{Body: node.Output{Attempt: 1, Stream: 2, Data: []byte("two\n")}},
			{Body: node.Output{Attempt: 2, Stream: 1, Data: []byte("three\n")}},
			{Body: exampleTask(), Last: true},
		}
	case node.FollowEvents:
		return []node.Reply{
			{Body: node.Record{Cursor: 5, Wall: noon, Kind: "leader", Subject: "b", Detail: "term 4"}},
			{Body: node.Record{Cursor: 6, Wall: noon, Kind: "member-alive", Subject: "c"}},
			{Last: true},
		}
	case node.FollowLog:
		task := exampleTask().Id
		return []node.Reply{
			{Body: node.LogRecord{Index: 1, Term: 1, Kind: "empty", Text: "a new term"}},
			{Body: node.LogRecord{Index: 2, Term: 1, Wall: noon, Kind: "commands", Text: "submit, note", Commands: []*wire.Command{
				{Proposer: 1, Body: &wire.Command_Submit{Submit: &wire.Submit{Task: task}}},
				{Proposer: 99, Body: &wire.Command_Finish{Finish: &wire.Finish{Task: task}}},
				{Body: &wire.Command_Note{Note: &wire.Note{Text: []byte("hello")}}},
				{},
			}}},
			{Last: true},
		}
	}
	return last(core.Faultf(core.CodeInternal, "no example of %T", r))
}
