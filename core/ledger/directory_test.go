package ledger

import (
	"fmt"
	"testing"

	"hb/core"
	"hb/core/wire"
)

func (b *book) wantMember(id uint64, state string, instance uint32) *wire.Agreed {
	b.Helper()
	m, ok := b.Member(core.NodeID(id))
	if !ok || m.State != state || m.Row.Instance != instance {
		b.Fatalf("member %d is %v, not %s as instance %d", id, m, state, instance)
	}
	return m
}

func TestAMemberComesUpWithAnEvent(t *testing.T) {
	b := newBook(t)
	o := b.yes(up(row(1, 1)))
	if len(o.Members) != 1 || len(o.Events) != 1 || o.Events[0].Kind != "agreed-up" || o.Events[0].Subject != "web1" {
		t.Fatalf("it came up with %v and %v", o.Members, o.Events)
	}
	m := b.wantMember(1, Up, 1)
	if m.Index != b.Applied() || m.SinceNanos != b.now {
		t.Fatalf("it is up since index %d and %d, not %d and %d", m.Index, m.SinceNanos, b.Applied(), b.now)
	}
}

func TestTheSameRowAgainIsNoChange(t *testing.T) {
	b := newBook(t)
	b.up(1)
	again := row(1, 1)
	again.Incarnation, again.Status = 7, uint32(core.Alive) // the detector's business
	if o := b.yes(up(again)); len(o.Members)+len(o.Events) != 0 {
		t.Fatalf("it changed %v and said %v", o.Members, o.Events)
	}
}

func TestANewAddressIsAChangeButNoNews(t *testing.T) {
	b := newBook(t)
	b.up(1)
	since := b.wantMember(1, Up, 1).SinceNanos
	moved := row(1, 1)
	moved.Addr, moved.Tags = "10.0.0.9:7117", map[string]string{"disk": "big"}
	if o := b.yes(up(moved)); len(o.Members) != 1 || len(o.Events) != 0 {
		t.Fatalf("it changed %v and said %v", o.Members, o.Events)
	}
	if m := b.wantMember(1, Up, 1); m.Row.Addr != "10.0.0.9:7117" || m.Row.Tags["disk"] != "big" || m.SinceNanos != since {
		t.Fatalf("it is %v", m)
	}
}

func TestEvidenceIsOrderedByInstance(t *testing.T) {
	for _, c := range []struct {
		name     string
		do       []*wire.Command
		state    string
		instance uint32
		events   int
	}{
		{"a restart supersedes", []*wire.Command{up(row(1, 2)), up(row(1, 3))}, Up, 3, 2},
		{"an older row is stale", []*wire.Command{up(row(1, 2)), up(row(1, 1))}, Up, 2, 1},
		{"down counts for its instance", []*wire.Command{up(row(1, 2)), down("crash", 1, 2)}, Down, 2, 2},
		{"down of an older instance is stale", []*wire.Command{up(row(1, 2)), down("crash", 1, 1)}, Up, 2, 1},
		{"down of a newer instance is no evidence about this one", []*wire.Command{up(row(1, 2)), down("crash", 1, 3)}, Up, 2, 1},
		{"down twice is down", []*wire.Command{up(row(1, 2)), down("crash", 1, 2), down("crash", 1, 2)}, Down, 2, 2},
		{"a false alarm is taken back", []*wire.Command{up(row(1, 2)), down("crash", 1, 2), up(row(1, 2))}, Up, 2, 3},
		{"an old row does not raise the dead", []*wire.Command{up(row(1, 2)), down("crash", 1, 2), up(row(1, 1))}, Down, 2, 2},
		{"who left has left", []*wire.Command{up(row(1, 2)), down("left", 1, 2), up(row(1, 2))}, Left, 2, 2},
		{"who left is not even down", []*wire.Command{up(row(1, 2)), down("left", 1, 2), down("crash", 1, 2)}, Left, 2, 2},
		{"who was down may turn out to have left", []*wire.Command{up(row(1, 2)), down("crash", 1, 2), down("left", 1, 2)}, Left, 2, 3},
		{"who left may join anew", []*wire.Command{up(row(1, 2)), down("left", 1, 2), up(row(1, 3))}, Up, 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBook(t)
			events := 0
			for _, command := range c.do {
				events += len(b.yes(command).Events)
			}
			b.wantMember(1, c.state, c.instance)
			if events != c.events {
				t.Fatalf("%d events, not %d", events, c.events)
			}
		})
	}
}

func TestDownSaysWhy(t *testing.T) {
	b := newBook(t)
	b.up(1)
	o := b.yes(down("shutdown", 1, 1))
	if want := (Event{"agreed-down", "web1", "shutdown"}); len(o.Events) != 1 || o.Events[0] != want {
		t.Fatalf("the events are %v, not %v", o.Events, want)
	}
	if m := b.wantMember(1, Down, 1); m.Reason != "shutdown" {
		t.Fatalf("the reason is %q", m.Reason)
	}
}

func TestNamesOfMembersThatAreUpAreUnique(t *testing.T) {
	b := newBook(t)
	b.up(1)
	rival := row(2, 1)
	rival.Name = "web1"
	b.no(core.CodeBadInput, up(rival))

	b.yes(down("crash", 1, 1))
	b.yes(up(rival))
	b.no(core.CodeBadInput, up(row(1, 2))) // now the name is the other's

	renamed := row(2, 1)
	b.yes(up(renamed))
	b.yes(up(row(1, 2)))
}

func TestABadRowDoesNotKeepTheOthersOut(t *testing.T) {
	b := newBook(t)
	b.up(1)
	rival := row(2, 1)
	rival.Name = "web1"
	o := b.do(up(&wire.Row{Id: 9}, rival, row(3, 1)))[0]
	if o.Verdict.GetCode() != uint32(core.CodeBadInput) || len(o.Members) != 1 {
		t.Fatalf("the verdict is %v, changed was %v", o.Verdict, o.Members)
	}
	b.wantMember(3, Up, 1)
	if len(b.Members()) != 2 {
		t.Fatalf("the directory is %v", b.Members())
	}
}

func TestMembersAreSortedByID(t *testing.T) {
	b := newBook(t)
	for _, id := range []uint64{5, 2, 9, 1, 7} {
		b.yes(up(row(id, 1)))
	}
	got := ""
	for _, m := range b.Members() {
		got += fmt.Sprint(m.Row.Id)
	}
	if got != "12579" {
		t.Fatalf("the order is %s", got)
	}
}

func TestDownNeedsAnInstanceForEachMember(t *testing.T) {
	b := newBook(t)
	b.up(2)
	b.no(core.CodeBadInput, &wire.Command{Body: &wire.Command_MemberDown{MemberDown: &wire.MemberDown{
		Ids: []uint64{1, 2}, Instances: []uint32{1},
	}}})
}

func TestOnlySoManyRowsOfTheGoneAreKept(t *testing.T) {
	b := newBook(t)
	b.bounds.left = 2
	b.up(5)
	for _, id := range []uint64{4, 1, 3} {
		b.yes(down("left", id, 1))
	}
	if _, kept := b.Member(4); kept || len(b.Members()) != 4 {
		t.Fatalf("the first to leave should be forgotten: %v", b.Members())
	}
	b.wantMember(1, Left, 1)
	b.wantMember(3, Left, 1)
}
