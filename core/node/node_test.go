package node

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/member"
	"hb/core/wire"
)

func TestAFounderLeadsAtOnceAndConfirmsIt(t *testing.T) {
	s := found(t)
	v := s.one(GetLeader{}).(LeaderView)
	if !v.Confirmed || !v.Self || v.Name != "n1" || v.Term == 0 {
		t.Errorf("leader %+v", v)
	}
	if st := s.one(GetStatus{}).(StatusView); st.Health != "healthy" || len(st.Voters) != 1 || st.Role != "leader" {
		t.Errorf("status %+v", st)
	}
	if m := s.one(GetMembers{}).(MembersView).Members; len(m) != 1 || m[0].Agreed != ledger.Up || !m[0].Self {
		t.Errorf("members %+v", m)
	}
}

func TestEachNoteHasAnIndexOfItsOwn(t *testing.T) {
	s := found(t)
	var ids []uint64
	for i := range 5 {
		ids = append(ids, uint64(100+i))
		s.n.clients.open[ids[i]] = true
		s.n.appendNote(ids[i], []byte{byte(i)})
	}
	s.tell(Tick{})
	seen := map[uint64]bool{}
	for _, id := range ids {
		a, ok := s.replies[id][0].Body.(Appended)
		if !ok || seen[a.Index] {
			t.Fatalf("note %d was answered %+v", id, s.replies[id])
		}
		seen[a.Index] = true
	}
	s.fault(AppendNote{Text: make([]byte, noteMost+1)}, core.CodeBadInput)
}

func TestCommandsShareAnEntryButNotesStandAlone(t *testing.T) {
	note := &wire.Command{Body: &wire.Command_Note{Note: &wire.Note{Text: []byte("x")}}}
	other := &wire.Command{Body: &wire.Command_Cancel{Cancel: &wire.Cancel{}}}
	big := &wire.Command{Body: &wire.Command_Finish{Finish: &wire.Finish{Task: make([]byte, batchBytes)}}}
	for _, c := range []struct {
		batch []*wire.Command
		want  int
	}{
		{[]*wire.Command{note, note}, 1},
		{[]*wire.Command{other, other, note}, 2},
		{[]*wire.Command{other, big}, 1},
		{[]*wire.Command{big, other}, 1},
		{[]*wire.Command{other}, 1},
	} {
		if got := entryLength(c.batch); got != c.want {
			t.Errorf("%d commands: the first entry takes %d, not %d", len(c.batch), got, c.want)
		}
	}
	many := make([]*wire.Command, batchMost+5)
	for i := range many {
		many[i] = other
	}
	if got := entryLength(many); got != batchMost {
		t.Errorf("an entry takes %d commands", got)
	}
}

func submitOne(s *solo, n byte) core.TaskID {
	s.t.Helper()
	task := core.MintTaskID(int64(n), [10]byte{n})
	v := s.one(SubmitTask{Task: task, Spec: &wire.Spec{Name: "true", Argv: []string{"true"}}})
	if sub, ok := v.(Submitted); !ok || sub.Task != task || sub.Index == 0 || sub.Name != "n1" {
		s.t.Fatalf("submit was answered %+v", v)
	}
	return task
}

func TestATaskIsSubmittedRunAndRecordedOnce(t *testing.T) {
	s := found(t)
	task := submitOne(s, 1)
	if len(s.execs) != 1 || s.execs[0].Task != task {
		t.Fatalf("started: %+v", s.execs)
	}
	s.asked++
	waiting := s.asked
	s.tell(Asked{ID: waiting, Body: WaitTask{Task: task}})
	s.tell(ExecEnded{Fence: s.execs[0].Fence, Result: &wire.Result{Exit: 3}})
	s.until("told the end", func() bool { return len(s.replies[waiting]) == 1 })
	if got := s.replies[waiting][0].Body.(*wire.Task); got.Status != ledger.Failed || got.Result.Exit != 3 {
		t.Errorf("the task ended as %v", got)
	}
	again := s.one(SubmitTask{Task: task, Spec: &wire.Spec{Name: "true", Argv: []string{"true"}}})
	if sub, ok := again.(Submitted); !ok || sub.Task != task {
		t.Errorf("the same submit again was answered %+v", again)
	}
	if len(s.execs) != 1 {
		t.Errorf("it ran %d times", len(s.execs))
	}
}

func TestATaskNobodyKnowsIsUnheardOf(t *testing.T) {
	s := found(t)
	unknown := core.MintTaskID(1, [10]byte{9})
	s.fault(GetTask{Task: unknown}, core.CodeUnheard)
	s.fault(WaitTask{Task: unknown}, core.CodeUnheard)
	s.fault(CancelTask{Task: unknown}, core.CodeUnheard)
	s.fault(FollowOutput{Task: unknown}, core.CodeUnheard)
	s.fault(SubmitTask{Task: unknown, Spec: &wire.Spec{Argv: []string{"a\xff"}}}, core.CodeBadInput)
}

// spoolRecord lays one piece of output out as a spool does.
func spoolRecord(stream byte, data string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b[0] = stream
	return append(b, data...)
}

func TestOutputIsFollowedToTheEndOfTheTask(t *testing.T) {
	s := found(t)
	task := submitOne(s, 1)
	s.asked++
	id := s.asked
	s.tell(Asked{ID: id, Body: FollowOutput{Task: task, Follow: true}})
	out := append(spoolRecord(1, "one"), spoolRecord(2, "two")...)
	half := spoolRecord(1, "three")
	s.spool(append(out, half[:5]...), false) // a torn record waits for its rest
	if at := s.n.pulls.followers[0].from; at != uint64(len(out)) {
		t.Errorf("reads on from byte %d, not %d", at, len(out))
	}
	s.spool(half, true)
	s.tell(ExecEnded{Fence: s.execs[0].Fence, Result: &wire.Result{}})
	s.until("ended the request", func() bool { got := s.replies[id]; return len(got) > 0 && got[len(got)-1].Last })
	var text bytes.Buffer
	for _, r := range s.replies[id] {
		if o, ok := r.Body.(Output); ok {
			text.WriteByte('0' + byte(o.Stream))
			text.Write(o.Data)
		}
	}
	if text.String() != "1one2two1three" {
		t.Errorf("output %q", text.String())
	}
	if last := s.replies[id][len(s.replies[id])-1].Body.(*wire.Task); last.Status != ledger.Succeeded {
		t.Errorf("the last answer is %v", last)
	}
}

// spool answers the one pull that is under way.
func (s *solo) spool(data []byte, eof bool) {
	s.t.Helper()
	for ticket := range s.n.pulls.remote { // one at most, so no order
		s.tell(Spooled{Ticket: ticket, Data: data, EOF: eof})
		return
	}
	s.t.Fatal("nothing asks for output")
}

func TestEventsAreKeptNumberedAndFollowed(t *testing.T) {
	s := found(t)
	s.asked++
	id := s.asked
	s.tell(Asked{ID: id, Body: FollowEvents{FromNow: true, Follow: true}})
	submitOne(s, 1)
	var kinds []string
	for _, r := range s.replies[id] {
		kinds = append(kinds, r.Body.(Record).Kind)
	}
	if got := strings.Join(kinds, " "); got != "task-submitted task-assigned" {
		t.Errorf("followed %q", got)
	}
	all := s.ask(FollowEvents{})
	last := uint64(0)
	for _, r := range all[:len(all)-1] {
		rec := r.Body.(Record)
		if rec.Cursor <= last {
			t.Errorf("cursor %d after %d", rec.Cursor, last)
		}
		last = rec.Cursor
	}
	if rest := s.ask(FollowEvents{Since: last}); len(rest) != 1 {
		t.Errorf("after the last cursor there are %d records", len(rest)-1)
	}
	s.tell(Gone{ID: id})
	submitOne(s, 2)
	if len(s.replies[id]) != 2 {
		t.Error("a client that went is still told")
	}
}

func TestWhatBeginsHasTheTimeAtWhichItBegan(t *testing.T) {
	began := (1_000_001 * time.Hour).Nanoseconds() // found's clock and offset
	s := found(t)
	for _, r := range s.ask(FollowEvents{}) {
		if rec, is := r.Body.(Record); is && rec.Wall < began {
			t.Errorf("%s %s happened at %v", rec.Kind, rec.Detail, time.Unix(0, rec.Wall))
		}
	}
	view := s.one(GetMembers{}).(MembersView)
	if got := view.Members[0].Since; got != began {
		t.Errorf("alive since %v, began at %v", time.Unix(0, got), time.Unix(0, began))
	}
}

func TestANodeSaysWhichClusterItIsOf(t *testing.T) {
	s := found(t)
	if want := "founded cluster test (" + s.n.self.cluster.String() + ")"; len(s.lines) == 0 || s.lines[0] != want {
		t.Errorf("%q, want %q", s.lines, want)
	}
	refusal := &wire.Refusal{Final: true, Reason: "it is another's"}
	for range 2 {
		s.frame(&wire.Envelope{From: 9, ReplyTo: "10.0.0.9:7117", Body: &wire.Envelope_Refusal{Refusal: refusal}})
	}
	told := 0
	for _, line := range s.lines {
		if strings.Contains(line, "it is another's") {
			told++
		}
	}
	if told != 1 || s.stopped != nil {
		t.Errorf("a seed of another cluster was told %d times, the node stopped: %v", told, s.stopped)
	}
}

func TestTheRingForgetsTheOldestOnly(t *testing.T) {
	r := newRing(7)
	for range eventsKept + 1 {
		r.add(Record{})
	}
	first, last := r.records[0].Cursor, r.records[len(r.records)-1].Cursor
	if len(r.records) != eventsKept/2+1 || last-first != uint64(len(r.records)-1) || last != 7<<40+eventsKept+1 {
		t.Errorf("%d records, %d to %d", len(r.records), first, last)
	}
}

func join(s *solo, name, detector string, features uint32, cluster []byte) {
	s.t.Helper()
	row := member.Row{ID: 42, Name: name, Addr: s.n.opts.Addr, Instance: 1, Status: core.Alive}
	s.frame(&wire.Envelope{From: 42, Instance: 1, ReplyTo: "10.0.0.2:7117", Body: &wire.Envelope_Join{Join: &wire.Join{
		Name: name, Detector: detector, Features: features, Cluster: cluster, Raft: 43, Rows: []*wire.Row{member.ToWire(s.now, row)},
	}}})
}

func TestAJoinerIsWelcomedOrToldWhyNot(t *testing.T) {
	now := uint32(core.FeaturesNow)
	for _, c := range []struct {
		name, detector string
		features       uint32
		cluster        []byte
		refusal        string
		final          bool
	}{
		{"n2", "swim", now, nil, "", false},
		{"n2", "swim", now + 1, nil, "", false},
		{"n1", "swim", now, nil, "the name n1 is taken", false},
		{"n2", "ring", now, nil, "failure detector is swim", true},
		{"n2", "swim", now, make([]byte, 16), "belongs to cluster", true},
		{"n2", "swim", now - 1, nil, fmt.Sprintf("the cluster's log is at feature level %d", now), true},
	} {
		s := found(t)
		join(s, c.name, c.detector, c.features, c.cluster)
		if c.refusal == "" {
			if w := sent[*wire.Envelope_Welcome](s); len(w) != 1 || len(w[0].GetWelcome().Rows) != 2 {
				t.Errorf("welcome: %v", w)
			}
			continue
		}
		r := sent[*wire.Envelope_Refusal](s)
		if len(r) != 1 || !strings.Contains(r[0].GetRefusal().Reason, c.refusal) || r[0].GetRefusal().Final != c.final {
			t.Errorf("refusal: %v", r)
		}
	}
}

func TestRubbishIsDroppedAndToldOncePerSource(t *testing.T) {
	s := found(t)
	from := s.n.opts.Addr
	for i := range 20 {
		s.tell(Frame{From: from, Data: bytes.Repeat([]byte{byte(i)}, i)})
		s.tell(Datagram{From: from, Data: bytes.Repeat([]byte{byte(i)}, i)})
	}
	count := 0
	for _, line := range s.lines {
		if strings.Contains(line, "dropped input") {
			count++
		}
	}
	if count == 0 || count > 4 {
		t.Errorf("told %d times: %q", count, s.lines)
	}
	s.frame(&wire.Envelope{From: 42, Cluster: make([]byte, 16), Body: &wire.Envelope_Propose{Propose: &wire.Propose{
		Id: 1, Command: &wire.Command{Proposer: 42, Id: 1, Body: &wire.Command_Note{Note: &wire.Note{}}},
	}}})
	if got := sent[*wire.Envelope_Proposed](s); len(got) != 0 {
		t.Error("another cluster's frame was answered")
	}
}

func TestTheLastVoterDoesNotLeave(t *testing.T) {
	s := found(t)
	f := s.fault(Leave{}, core.CodeNo)
	if !strings.Contains(f.Message, "last voter") || s.stopped != nil || s.aside {
		t.Errorf("%v, stopped %v", f, s.stopped)
	}
}

func TestAnOrderlyStopEndsTheTasksFirst(t *testing.T) {
	s := found(t)
	submitOne(s, 1)
	s.tell(Shutdown{})
	if s.stopped != nil {
		t.Fatal("stopped while a task ran")
	}
	s.tell(ExecEnded{Fence: s.execs[0].Fence, Result: &wire.Result{Signal: 15}})
	s.until("stopped", func() bool { return s.stopped != nil })
	if s.stopped.Fault != nil {
		t.Errorf("stopped with %v", s.stopped.Fault)
	}
}

func TestAFailedDiskStopsTheNodeAtOnce(t *testing.T) {
	s := found(t)
	s.tell(DiskFailed{Err: bytes.ErrTooLarge})
	if s.stopped == nil || s.stopped.Fault.Code != core.CodeIO {
		t.Fatalf("stopped: %v", s.stopped)
	}
	if out := s.n.Step(s.now, Tick{}); len(out) != 0 {
		t.Errorf("after the stop it wants %v", out)
	}
}

func TestConditionsAreAnsweredWhenTheyAllHold(t *testing.T) {
	s := found(t)
	s.one(Await{Conditions: []Condition{{Kind: "ready"}, {Kind: "leader"}, {Kind: "quorum"}, {Kind: "members", N: 1}}})
	s.asked++
	typo := s.asked
	s.tell(Asked{ID: typo, Body: Await{Conditions: []Condition{{Kind: "gone", Node: "n9"}}}})
	if fault, is := s.replies[typo][0].Body.(*core.Fault); !is || fault.Code != core.CodeUnheard {
		t.Errorf("the end of somebody nobody has heard of: %v", s.replies[typo])
	}
	s.asked++
	id := s.asked
	s.tell(Asked{ID: id, Body: Await{Conditions: []Condition{{Kind: "applied", N: s.n.ledger.Applied() + 1}}}})
	if len(s.replies[id]) != 0 {
		t.Fatal("answered too early")
	}
	s.one(AppendNote{Text: []byte("x")})
	if len(s.replies[id]) != 1 {
		t.Error("not answered")
	}
}

func TestWhoIsInNoClusterKnowsNoLeader(t *testing.T) {
	s := &solo{t: t, now: core.Instant(time.Hour), replies: map[uint64][]Reply{}}
	s.n = New(Options{Name: "n1", Addr: netip.MustParseAddrPort("10.0.0.1:7117"), Rand: rand.New(rand.NewPCG(1, 2))}, Restored{Instance: 1})
	s.tell(Tick{})
	f := s.fault(GetLeader{}, core.CodeNoQuorum)
	if !strings.Contains(f.Message, "not in a cluster") {
		t.Errorf("%v", f)
	}
	s.fault(Leave{}, core.CodeNo)
}

func TestADiskThatDoesNotFinishDegradesTheNode(t *testing.T) {
	var d diskWatch
	at := core.Instant(time.Hour)
	d.append(at, 1)
	if d.stalled(at.Add(diskStall)) {
		t.Error("called stalled too early")
	}
	if !d.stalled(at.Add(diskStall + 1)) {
		t.Error("an append outstanding for long is not noticed")
	}
	d.append(at.Add(time.Second), 2)
	d.synced(at.Add(diskStall), 1)
	if d.stalled(at.Add(diskStall + time.Second)) {
		t.Error("progress does not count")
	}
	d.synced(at.Add(2*diskStall), 2)
	if d.stalled(at.Add(time.Hour)) {
		t.Error("an idle disk is called stalled")
	}
}
