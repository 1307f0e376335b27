package ledger

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// offers is a command by which a member says what it runs.
func offers(node uint64, free bool, tasks ...*wire.Definition) *wire.Command {
	return &wire.Command{Proposer: node, Body: &wire.Command_Offer{Offer: &wire.Offer{Node: node, Free: free, Tasks: tasks}}}
}

func byName(name string, args ...string) *wire.Spec { return &wire.Spec{Name: name, Args: args} }

func submitSpec(n byte, spec *wire.Spec) *wire.Command {
	id := tid(n)
	return &wire.Command{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: id[:], Spec: spec}}}
}

// offered is a cluster of a and b, both up, that knows tasks by name: a has a
// backup, and say, which takes arguments; b runs any command.
func offered(t *testing.T) *book {
	b := newBook(t)
	b.yes(upAt(1, "a", 3))
	b.yes(upAt(2, "b", 3))
	b.yes(raise(3))
	b.yes(offers(1, false, &wire.Definition{Name: "backup", Digest: 1, Once: true}, &wire.Definition{Name: "say", Digest: 2, Args: true}))
	return b
}

func TestOnlyAMemberItselfSaysWhatItRuns(t *testing.T) {
	b := offered(t)
	forged := offers(2, true)
	forged.Proposer = 1
	b.no(core.CodeDenied, forged)
	b.no(core.CodeUnheard, offers(3, true))
	b.no(core.CodeBadInput, offers(2, true, &wire.Definition{}))
	b.no(core.CodeBadInput, offers(2, true, make([]*wire.Definition, MaxDefinitions+1)...))
	if o := b.yes(offers(2, true)); len(o.Members) != 0 {
		t.Errorf("to say what counts anyway changes %v", o.Members)
	}
}

func TestWhatAMemberRunsLastsUntilItLeaves(t *testing.T) {
	b := offered(t)
	runs := func() int { m, _ := b.Member(1); return len(m.Offer.GetTasks()) }
	b.yes(&wire.Command{Body: &wire.Command_Drain{Drain: &wire.Drain{Node: 1, On: true}}})
	b.yes(&wire.Command{Body: &wire.Command_MemberDown{MemberDown: &wire.MemberDown{Ids: []uint64{1}, Instances: []uint32{1}, Reason: Crash}}})
	again := upAt(1, "a", 3)
	again.GetMemberUp().Rows[0].Instance = 2
	b.yes(again)
	whole, err := Decode(b.Encode())
	if m, _ := whole.Member(1); err != nil || runs() != 2 || len(m.Offer.GetTasks()) != 2 {
		t.Fatalf("after a drain, a crash and a snapshot: %d tasks, %v, %v", runs(), m, err)
	}
	b.yes(&wire.Command{Body: &wire.Command_MemberDown{MemberDown: &wire.MemberDown{Ids: []uint64{1}, Instances: []uint32{2}, Reason: Left}}})
	if runs() != 0 {
		t.Error("who has left still runs something")
	}
}

func TestATaskIsHopelessIfNobodyMayEverRunIt(t *testing.T) {
	for name, c := range map[string]struct {
		spec *wire.Spec
		code core.Code
		says string
	}{
		"by name":                     {byName("backup"), 0, ""},
		"by a name nobody has":        {byName("restore"), core.CodeUnheard, `named "restore"`},
		"by name where it is":         {&wire.Spec{Name: "backup", On: "a"}, 0, ""},
		"by name where it is not":     {&wire.Spec{Name: "backup", On: "b"}, core.CodeDenied, "b does not define backup|[tasks.backup] command"},
		"with arguments it takes":     {byName("say", "x"), 0, ""},
		"with arguments it does not":  {byName("backup", "x"), core.CodeDenied, "a takes no arguments for backup|[tasks.backup] args = true"},
		"with input it does not take": {&wire.Spec{Name: "backup", Stdin: []byte("x")}, core.CodeDenied, "takes no input"},
		"a command":                   {&wire.Spec{Argv: []string{"true"}}, 0, ""},
		"a command elsewhere":         {&wire.Spec{Argv: []string{"true", "a b"}, On: "a"}, core.CodeDenied, `a runs no free commands|allow_exec = true; or for this alone: [tasks.NAME] command = ["true", "a b"]`},
		"a command on the leader":     {&wire.Spec{Argv: []string{"true"}, On: OnLeader}, 0, ""},
	} {
		v := offered(t).Hopeless(c.spec)
		message, hint, _ := strings.Cut(c.says, "|")
		if v.GetCode() != uint32(c.code) || !strings.Contains(v.GetMessage(), message) || !strings.Contains(v.GetHint(), hint) {
			t.Errorf("%s: %v, want %d with %q", name, v, c.code, c.says)
		}
	}
	b := newBook(t)
	b.yes(upAt(1, "a", 1))
	if v := b.Hopeless(byName("backup")); v.GetCode() != uint32(core.CodeBusy) {
		t.Errorf("before all members know tasks by name: %v", v)
	}
	b.no(core.CodeBadInput, submitSpec(1, byName("backup")))
}

func TestWhoCannotRunWhatItIsMeantToSaysWhy(t *testing.T) {
	b := newBook(t)
	const why = "has no user hb: useradd --system hb"
	unable := func(id uint64, o *wire.Offer) *wire.Command {
		o.Node = id
		return &wire.Command{Proposer: id, Body: &wire.Command_Offer{Offer: o}}
	}
	b.yes(upAt(1, "a", 3))
	b.yes(raise(3))
	broken := &wire.Offer{Unable: []*wire.Unable{{Why: why, Free: true, Tasks: []string{"x"}}}}
	b.yes(unable(1, broken))
	if m, _ := b.Member(1); m.Offer.Unable != nil {
		t.Fatalf("members that do not know of such would have it otherwise: %v", m.Offer)
	}
	b = newBook(t)
	b.yes(upAt(1, "a", uint32(core.FeaturesNow)))
	b.yes(upAt(2, "b", uint32(core.FeaturesNow)))
	b.yes(upAt(3, "c", uint32(core.FeaturesNow)))
	b.yes(raise(4))
	b.yes(unable(1, &wire.Offer{}))
	b.yes(unable(2, broken))
	b.yes(unable(3, &wire.Offer{Tasks: []*wire.Definition{{Name: "y", Digest: 1}}}))
	for _, c := range []struct {
		spec      *wire.Spec
		want, tip string
	}{
		{&wire.Spec{Argv: []string{"true"}}, "b " + why, "looks again"},
		{byName("x"), "b " + why, "looks again"},
		{byName("y", "word"), "c takes no arguments for y", "args = true"},
		{&wire.Spec{Name: "y", On: "a"}, "a does not define y", "[tasks.y] command"},
	} {
		v := b.Hopeless(c.spec)
		if v.GetCode() != uint32(core.CodeDenied) || v.GetMessage() != "no member may run it: "+c.want || !strings.Contains(v.GetHint(), c.tip) {
			t.Errorf("%v: %v, want %q", c.spec, v, c.want)
		}
	}
	mended := &wire.Offer{Free: true}
	b.yes(unable(2, mended))
	if v := b.Hopeless(&wire.Spec{Argv: []string{"true"}}); v != nil {
		t.Errorf("once it can: %v", v)
	}
}

func TestATaskByNameIsTakenAndGoesToWhoDefinesIt(t *testing.T) {
	b := offered(t)
	b.yes(submitSpec(1, byName("backup")))
	b.no(core.CodeBadInput, submitSpec(2, &wire.Spec{Name: "x", Argv: []string{"true"}, Args: []string{"y"}}))
	b.no(core.CodeBusy, submitSpec(3, &wire.Spec{Name: "backup", On: "b", NoQueue: true}))
	if !b.RunsOnce(byName("backup")) || b.RunsOnce(byName("say")) || b.RunsOnce(&wire.Spec{Name: "backup", Argv: []string{"backup"}}) {
		t.Error("what runs once is not what says so")
	}
	o := b.yes(submitSpec(4, &wire.Spec{Name: "backup", All: true}))
	if o.Task.Elements != 1 || len(o.Task.Missing) != 1 || o.Task.Missing[0].Name != "b" || o.Task.Missing[0].Why != "does not define backup" {
		t.Errorf("on all members: %v", o.Task)
	}
}

func TestAFailureRunsWhatMembersDefine(t *testing.T) {
	b := offered(t)
	for n, c := range map[byte]struct {
		onFailure string
		want      *wire.Spec
	}{1: {"say", byName("say", "job", Failed)}, 2: {"/bin/mail", &wire.Spec{Name: "mail", Argv: []string{"/bin/mail", "job", Failed}}}} {
		id := tid(n)
		b.yes(submitSpec(n, &wire.Spec{Name: "job", Argv: []string{"false"}, OnFailure: c.onFailure}))
		fence := b.yes(&wire.Command{Body: &wire.Command_Assign{Assign: &wire.Assign{Task: id[:], Attempt: 1, Node: 2, Instance: 1}}}).Fence
		b.yes(&wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{Task: id[:], Fence: uint64(fence), Result: &wire.Result{Exit: 1}}}})
		follow, ok := b.Task(FollowUpID(id))
		if !ok {
			t.Fatalf("%s: nothing follows", c.onFailure)
		}
		got := proto.CloneOf(follow.Spec)
		got.Env = nil
		if len(got.Argv) > 0 {
			got.Argv = got.Argv[:3]
		} else {
			got.Args = got.Args[:2]
		}
		if !proto.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.onFailure, got, c.want)
		}
	}
}
