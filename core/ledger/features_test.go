package ledger

import (
	"strings"
	"testing"

	"hb/core/wire"
)

func upAt(id uint64, name string, features uint32) *wire.Command {
	return &wire.Command{Body: &wire.Command_MemberUp{MemberUp: &wire.MemberUp{Rows: []*wire.Row{
		{Id: id, Name: name, Addr: "127.0.0.1:1", Instance: 1, Features: features},
	}}}}
}

func raise(to uint32) *wire.Command {
	return &wire.Command{Body: &wire.Command_RaiseFeatures{RaiseFeatures: &wire.RaiseFeatures{To: to}}}
}

func TestTheLevelRisesAsFarAsAllCanFollow(t *testing.T) {
	b := newBook(t)
	b.yes(upAt(1, "a", 3))
	b.yes(upAt(2, "b", 2))
	if level, holding := b.Attainable(); level != 2 || len(holding) != 1 || holding[0].Row.Name != "b" {
		t.Fatalf("%d, %v", level, holding)
	}
	if o := b.do(raise(3))[0]; o.Verdict == nil || !strings.Contains(o.Verdict.Message, "member b knows 2") {
		t.Fatalf("b is passed over: %v", o.Verdict)
	}
	for _, to := range []uint32{2, 1, 2} { // it never falls, and to repeat it is no fault
		if o := b.do(raise(to))[0]; o.Verdict != nil || b.Features() != 2 {
			t.Fatalf("to %d: %v, level %d", to, o.Verdict, b.Features())
		}
	}
	if o := b.do(upAt(3, "c", 1))[0]; o.Verdict == nil || b.Features() != 2 {
		t.Fatal("a member that cannot follow is taken in")
	}
	again, err := Decode(b.Encode())
	if err != nil || again.Features() != 2 {
		t.Fatalf("after a snapshot: %v, %v", again, err)
	}
}

func TestALevelIsNotRaisedForNobody(t *testing.T) {
	b := newBook(t)
	if o := b.do(raise(9))[0]; o.Verdict == nil || b.Features() != 0 {
		t.Fatalf("%v, level %d", o.Verdict, b.Features())
	}
}

// A field that an older program does not know changes what a command means:
// to carry out the rest would be to do something else than the others do.
func TestAFieldOfAFutureVersionIsNotSkipped(t *testing.T) {
	c := upAt(1, "a", 1)
	c.GetMemberUp().Rows[0].ProtoReflect().SetUnknown([]byte{0xf8, 0x07, 1}) // field 127
	e := &wire.Entry{Commands: []*wire.Command{note("x"), c}}
	if err := Understood(e); err == nil || !strings.Contains(err.Error(), "command 1") {
		t.Fatalf("the fault is %v", err)
	}
}

func BenchmarkUnderstood(b *testing.B) {
	e := &wire.Entry{Commands: []*wire.Command{{Body: &wire.Command_Submit{Submit: &wire.Submit{
		Task: make([]byte, 16), Spec: &wire.Spec{Name: "true", Argv: []string{"true"}, Retries: 3}}}}}}
	for b.Loop() {
		if Understood(e) != nil {
			b.Fatal("it is strange")
		}
	}
}
