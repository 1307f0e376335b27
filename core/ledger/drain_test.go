package ledger

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

func drain(id uint64, on, evict bool) *wire.Command {
	return &wire.Command{Body: &wire.Command_Drain{Drain: &wire.Drain{Node: id, On: on, Evict: evict}}}
}

func TestADrainLastsUntilItIsTakenBackOrTheMemberLeaves(t *testing.T) {
	b := newBook(t)
	b.up(2)
	drained := func(want bool) {
		t.Helper()
		if m, _ := b.Member(1); m.Drained != want {
			t.Fatalf("member 1 is %v", m)
		}
	}
	if o := b.yes(drain(1, true, false)); len(o.Members) != 1 {
		t.Fatalf("it came to %v", o)
	}
	drained(true)
	if o := b.yes(drain(1, true, false)); len(o.Members) != 0 {
		t.Fatalf("the same again came to %v", o)
	}
	b.yes(down("crash", 1, 1))
	drained(true)
	b.yes(up(row(1, 2)))
	drained(true)
	b.State = reloaded(b)
	drained(true)
	b.yes(drain(1, false, false))
	drained(false)
	b.yes(drain(1, true, true))
	b.yes(down("left", 1, 2))
	drained(false)
	b.yes(up(row(1, 3)))
	drained(false)
	b.no(core.CodeUnheard, drain(9, true, false))
	b.no(core.CodeBadInput, drain(2, false, true))
}

func reloaded(b *book) *State {
	s, err := Decode(b.Encode())
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func TestADrainedMemberIsGrantedOnlyWhatNamesIt(t *testing.T) {
	b := newBook(t)
	b.up(2)
	b.yes(drain(1, true, false))
	named := spec("job")
	named.On = "web1"
	byID := spec("job")
	byID.On = core.NodeID(1).String()
	leader := spec("job")
	leader.On = OnLeader
	for n, s := range []*wire.Spec{spec("job"), leader, named, byID} {
		b.yes(submit(byte(n), s))
		if c := assign(byte(n), 1, 1, 1); n < 2 {
			b.no(core.CodeBusy, c)
		} else {
			b.yes(c)
		}
	}
}

func TestNoQueueNeedsAMemberThatIsUp(t *testing.T) {
	b := newBook(t)
	r := row(1, 1)
	r.Tags = map[string]string{"disk": "big"}
	b.yes(up(r, row(2, 1)))
	spec := func(on string, where ...string) *wire.Spec {
		s := spec("job")
		s.NoQueue, s.On, s.Where = true, on, where
		return s
	}
	b.yes(submit(1, spec("web1", "disk=big")))
	b.yes(submit(2, spec("", "disk=big")))
	b.yes(submit(3, spec("", "disk!=big")))
	b.no(core.CodeBusy, submit(4, spec("web2", "disk=big")))
	b.no(core.CodeBusy, submit(5, spec("web9")))
	b.yes(down("crash", 1, 1))
	b.no(core.CodeBusy, submit(6, spec("", "disk=big")))
	b.yes(submit(7, spec(OnLeader)))
	b.yes(drain(2, true, false))
	b.no(core.CodeBusy, submit(8, spec("")))
	b.yes(submit(9, spec("web2")))
}

func TestARecordIsKeptAsLongAsItsTaskAskedFor(t *testing.T) {
	b := newBook(t)
	b.up(1)
	for n, keep := range []time.Duration{0, time.Minute, 100 * time.Hour} {
		s := spec("job")
		s.KeepNanos = int64(keep)
		b.yes(finish(byte(n), b.out(byte(n), s), exit(0)))
	}
	stale := func(want ...core.TaskID) {
		t.Helper()
		got := b.Stale(24*time.Hour, 24*time.Hour, 10)
		if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
			t.Fatalf("stale are %v, not %v", got, want)
		}
	}
	b.yes(note("x"))
	stale()
	b.now += int64(2 * time.Minute)
	b.yes(note("x"))
	stale(tid(1))
	b.yes(expire(1))
	b.now += int64(25 * time.Hour)
	b.yes(note("x"))
	stale(tid(0))
	b.yes(expire(0))
	b.now += int64(76 * time.Hour)
	b.yes(note("x"))
	stale(tid(2))
}

func TestRecentAreThoseThatEndedLast(t *testing.T) {
	b := newBook(t)
	b.up(1)
	for n := range byte(5) {
		b.yes(finish(n, b.out(n, spec("job")), exit(0)))
	}
	if got := b.Recent(2); len(got) != 2 || core.TaskID(got[0].Id) != tid(3) || core.TaskID(got[1].Id) != tid(4) {
		t.Fatalf("recent are %v", got)
	}
	if got := b.Recent(9); len(got) != 5 {
		t.Fatalf("recent are %v", got)
	}
}

func TestADrainKeepsTheWishAboutAVoteFromItsLevelOn(t *testing.T) {
	for _, level := range []core.Features{core.FeaturesWishLasts - 1, core.FeaturesWishLasts} {
		b := newBook(t)
		b.yes(upAt(1, "web1", uint32(level)))
		b.yes(raise(uint32(level)))
		b.yes(setVote(1, VoteNever))
		b.yes(drain(1, true, false))
		if m, _ := b.Member(1); (Vote(m.Vote) == VoteNever) != (level >= core.FeaturesWishLasts) {
			t.Errorf("at level %d a drained member has the wish %d", level, m.Vote)
		}
	}
}
