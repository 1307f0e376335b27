package sim

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// watched is a world of toys whose referee knows a cluster without a history.
// Toys answer what a test says, by the type of the question.
func watched(t *testing.T, n int, answers map[int]func(q node.Request) any) *World {
	t.Helper()
	w, _ := toys(t, Options{Nodes: n}, func(m *toy, ev node.Event) []node.Effect {
		ask, ok := ev.(node.Asked)
		if _, follow := ask.Body.(node.FollowLog); !ok || follow || answers == nil {
			return nil
		}
		if body := answers[m.host.i](ask.Body); body != nil {
			return []node.Effect{node.Reply{ID: ask.ID, Body: body, Last: true}}
		}
		return nil
	})
	if err := w.referee.found(1, ledger.New(core.ClusterID{1}, "test").Encode()); err != nil {
		t.Fatal(err)
	}
	return w
}

// tells lets a host tell a committed entry to the client that follows its log.
func tells(w *World, host int, index, term uint64, commands ...*wire.Command) {
	for id := range w.hosts[host].calls {
		tell(w, host, node.Reply{ID: id, Body: node.LogRecord{Index: index, Term: term, Kind: "commands", Commands: commands}})
	}
}

func note(text string) *wire.Command {
	return &wire.Command{Body: &wire.Command_Note{Note: &wire.Note{Text: []byte(text)}}}
}

func submit(id core.TaskID) *wire.Command {
	return &wire.Command{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: id[:], Spec: &wire.Spec{Argv: []string{Work}}}}}
}

func leads(w *World, host int, term uint64) {
	kind, raft := raftpb.MsgHeartbeat, uint64(100+host)
	m, err := proto.Marshal(&raftpb.Message{Type: &kind, Term: &term, From: &raft})
	if err != nil {
		panic(err)
	}
	data := wire.EncodeEnvelope(&wire.Envelope{From: uint64(1 + host), Body: &wire.Envelope_Raft{Raft: m}})
	tell(w, host, node.SendFrame{To: addrOf(w, (host+1)%len(w.hosts)), Data: data})
}

func TestTheRefereeSeesTwoLeadersInTheirFrames(t *testing.T) {
	w := watched(t, 3, nil)
	leads(w, 0, 4)
	leads(w, 1, 5)
	pass(t, w, time.Second)
	if w.Leader() != 1 {
		t.Fatalf("the leader is n%d", w.Leader()+1)
	}
	leads(w, 2, 5)
	broken(t, w, "one leader a term")
}

func TestTheRefereeSeesLogsThatDiffer(t *testing.T) {
	w := watched(t, 2, nil)
	tells(w, 0, 2, 1, note("a"))
	tells(w, 1, 2, 1, note("a"))
	tells(w, 0, 3, 1, note("b"))
	pass(t, w, time.Second)
	tells(w, 1, 3, 1, note("c"))
	broken(t, w, "committed prefixes agree")
}

func TestTheRefereeSeesALostNote(t *testing.T) {
	answers := func(node.Request) any { return node.Appended{Index: 2} }
	w := watched(t, 1, map[int]func(node.Request) any{0: answers})
	w.Ask(0, node.AppendNote{Text: []byte("mine")})
	pass(t, w, time.Second)
	tells(w, 0, 2, 1, note("another's"))
	broken(t, w, "what was acknowledged is in the log")
}

func TestTheRefereeSeesALostTask(t *testing.T) {
	mine, other := core.TaskID{1}, core.TaskID{2}
	answers := func(node.Request) any { return node.Submitted{Task: mine, Index: 2} }
	w := watched(t, 1, map[int]func(node.Request) any{0: answers})
	w.Ask(0, node.SubmitTask{Task: mine, Spec: &wire.Spec{Argv: []string{Work}}})
	pass(t, w, time.Second)
	tells(w, 0, 2, 1, submit(other))
	broken(t, w, "what was acknowledged is in the log")
}

func TestTheRefereeSeesAnExecutionThatNobodyGranted(t *testing.T) {
	w := watched(t, 1, nil)
	run(w, 0, core.NewFence(2, 0), Work)
	pass(t, w, time.Second)
	tells(w, 0, 2, 1, note("no grant"))
	broken(t, w, "every execution had a grant")
}

func TestTheRefereeSeesSnapshotsThatDiffer(t *testing.T) {
	own := watched(t, 1, nil)
	tells(own, 0, 2, 1, note("a"))
	own.referee.snapshot(own.hosts[0], 2, own.referee.ledger.Encode())
	pass(t, own, time.Second)
	clear(own.referee.saved)
	own.referee.snapshot(own.hosts[0], 2, []byte("something else"))
	broken(t, own, "equal logs mean equal states")

	two := watched(t, 2, nil)
	two.referee.snapshot(two.hosts[0], 9, []byte("a"))
	two.referee.snapshot(two.hosts[1], 9, []byte("a"))
	pass(t, two, time.Second)
	two.referee.snapshot(two.hosts[1], 9, []byte("b"))
	broken(t, two, "equal logs mean equal states")
}

// settledOn are the answers of a node at the quiet end of a run.
func settledOn(applied, term uint64, tasks ...*wire.Task) func(node.Request) any {
	return func(q node.Request) any {
		switch q.(type) {
		case node.GetStatus:
			return node.StatusView{Applied: applied}
		case node.GetLeader:
			return node.LeaderView{ID: 5, Term: term, Confirmed: true}
		case node.ListTasks:
			return node.TasksView{Tasks: tasks}
		}
		return nil
	}
}

func TestTheEndOfARunSeesDisagreement(t *testing.T) {
	stray := &wire.Task{Id: make([]byte, 16), Status: ledger.Queued}
	silent := func(node.Request) any { return nil }
	for name, c := range map[string]struct {
		second func(node.Request) any
		want   string
	}{
		"all agree":       {settledOn(2, 1), ""},
		"one is behind":   {settledOn(1, 1), "every node follows the log in quiet times"},
		"another leader":  {settledOn(2, 2), "one leader in quiet times"},
		"other tasks":     {settledOn(2, 1, stray), "all nodes agree in quiet times"},
		"one is silent":   {silent, "every node answers in quiet times"},
		"a refusal":       {func(node.Request) any { return core.Faultf(core.CodeBusy, "later") }, "every node follows the log in quiet times"},
		"a stale reading": {settledOn(2, 0), "a confirmed leader leads"},
	} {
		t.Run(name, func(t *testing.T) {
			w := watched(t, 2, map[int]func(node.Request) any{0: settledOn(2, 1), 1: c.second})
			tells(w, 0, 2, 1, note("the log's only entry"))
			w.agree()
			if got := w.broken; (got == nil) != (c.want == "") || got != nil && got.Invariant != c.want {
				t.Fatalf("want %q, got %v", c.want, got)
			}
		})
	}
}

func TestTheEndOfARunSeesTasksThatDoNotEnd(t *testing.T) {
	id := core.TaskID{3}
	w := watched(t, 1, nil)
	w.crowd = newCrowd(w)
	tells(w, 0, 2, 1, submit(id))
	w.crowd.tasks = []core.TaskID{id}
	w.eachEnded()
	broken(t, w, "every acknowledged task ends")

	w = watched(t, 1, nil)
	w.crowd = newCrowd(w)
	w.crowd.tasks = []core.TaskID{id}
	w.eachEnded()
	broken(t, w, "no acknowledged task is lost")
}
