package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// Members run different things, change their minds over a restart, and leaders
// die meanwhile: tasks go to who runs them, wait while nobody does who is up, and
// are refused when nobody ever will.
func TestTasksGoToMembersThatSayTheyRunThem(t *testing.T) {
	w := cluster(t, 31, 4)
	until(t, w, 10*time.Second, func() bool { return level(t, w, 0).Cluster >= core.FeaturesNamedTasks })
	configure := func(i int, offer *wire.Offer) {
		t.Helper()
		w.Configure(i, offer)
		w.Shutdown(i)
		until(t, w, 20*time.Second, func() bool { return !w.hosts[i].up() })
		w.Restart(i)
		reach(t, w, 30*time.Second, node.Condition{Kind: "ready"}, node.Condition{Kind: "members", N: 4})
		reach(t, w, 30*time.Second, node.Condition{Kind: "ready"}) // and now all know what it runs
	}
	job := &wire.Definition{Name: "job", Digest: 1, Args: true}
	configure(0, &wire.Offer{})
	configure(1, &wire.Offer{Tasks: []*wire.Definition{job}})
	configure(2, &wire.Offer{Tasks: []*wire.Definition{job}})
	ask := func(host int, spec *wire.Spec) *Call {
		return w.Ask(host, node.SubmitTask{Task: w.mintTask(), Spec: spec})
	}
	named := func(args ...string) *wire.Spec { return &wire.Spec{Name: "job", Args: args} }

	var tasks []core.TaskID
	for i := range 12 {
		tasks = append(tasks, answer[node.Submitted](t, w, ask(i%4, named("200ms"))).Task)
	}
	ends(t, w, 30*time.Second, ledger.Succeeded, tasks...)
	for _, id := range tasks {
		if at := w.Task(id).Attempts[0].Node; at != uint64(w.Node(1).ID()) && at != uint64(w.Node(2).ID()) {
			t.Errorf("%v ran on %v", id, core.NodeID(at))
		}
	}
	if f := answer[*core.Fault](t, w, ask(0, &wire.Spec{Name: "other"})); f.Code != core.CodeUnheard {
		t.Errorf("a name nobody has: %v", f)
	}
	id, c := w.Submit(0, Work, "100ms")
	answer[node.Submitted](t, w, c)
	ends(t, w, 30*time.Second, ledger.Succeeded, id)
	if at := w.Task(id).Attempts[0].Node; at != uint64(w.Node(3).ID()) {
		t.Errorf("a command ran on %v, which runs none", core.NodeID(at))
	}

	// All that run it are down: it waits. The one that comes back runs it.
	w.Kill(1)
	w.Kill(2)
	w.Configure(1, &wire.Offer{Free: true})
	w.Restart(1)
	reach(t, w, 30*time.Second, node.Condition{Kind: "ready"}) // the log has its word
	late := answer[node.Submitted](t, w, ask(0, named("100ms"))).Task
	pass(t, w, 20*time.Second)
	w.Restart(2)
	ends(t, w, 60*time.Second, ledger.Succeeded, late)

	// Who is meant to run it cannot: that is refused, with the reason.
	configure(1, &wire.Offer{Free: true})
	configure(2, &wire.Offer{Unable: []*wire.Unable{{Why: "has no user hb", Tasks: []string{"job"}}}})
	if f := answer[*core.Fault](t, w, ask(3, named())); f.Code != core.CodeDenied || f.Message != "no member may run it: n3 has no user hb" {
		t.Errorf("while it cannot run: %v", f)
	}

	// Nobody runs it any more.
	configure(2, nil)
	if f := answer[*core.Fault](t, w, ask(3, named())); f.Code != core.CodeUnheard {
		t.Errorf("after all have given it up: %v", f)
	}
	configure(3, &wire.Offer{})
	if f := answer[*core.Fault](t, w, ask(0, &wire.Spec{Name: "x", Argv: []string{Work}, On: "n4"})); f.Code != core.CodeDenied || f.Hint == "" {
		t.Errorf("a command where none is run: %v", f)
	}
}
