package ledger

import (
	"testing"

	"hb/core"
	"hb/core/wire"
)

func setVoters(n uint32) *wire.Command {
	return &wire.Command{Body: &wire.Command_SetVoters{SetVoters: &wire.SetVoters{Target: n}}}
}

func setVote(node uint64, v Vote) *wire.Command {
	return &wire.Command{Body: &wire.Command_SetVote{SetVote: &wire.SetVote{Node: node, Vote: uint32(v)}}}
}

func forget(node uint64, instance uint32, force bool) *wire.Command {
	return &wire.Command{Body: &wire.Command_Forget{Forget: &wire.Forget{Node: node, Instance: instance, Force: force}}}
}

func TestThreeVoteUnlessTheLogSaysOtherwise(t *testing.T) {
	b := newBook(t)
	if b.Voters() != 3 {
		t.Fatalf("%d shall vote", b.Voters())
	}
	for _, n := range []uint32{0, 2, 4, 6, 8, 9} {
		b.no(core.CodeBadInput, setVoters(n))
	}
	for _, n := range []uint32{1, 5, 7, 3} {
		b.yes(setVoters(n))
		if again, err := Decode(b.Encode()); err != nil || b.Voters() != int(n) || again.Voters() != int(n) {
			t.Fatalf("%d and %v after %d was set (%v)", b.Voters(), again, n, err)
		}
	}
}

func TestAWishAboutAVoteLastsUntilTheMemberLeaves(t *testing.T) {
	b := newBook(t)
	b.up(2)
	b.yes(setVote(1, VoteWanted))
	b.yes(setVote(2, VoteUnwanted))
	b.yes(down("crash", 1, 1))
	b.yes(up(row(1, 2)))
	if v := b.VoteOf(1); v != VoteWanted || v.String() != "promoted" {
		t.Fatalf("after a restart it is %v", v)
	}
	b.yes(setVote(2, VoteAuto))
	if v := b.VoteOf(2); v != VoteAuto {
		t.Fatalf("it is %v", v)
	}
	b.yes(down("left", 1, 2))
	if v := b.VoteOf(1); v != VoteAuto {
		t.Fatalf("it left, and is still %v", v)
	}
	b.no(core.CodeUnheard, setVote(1, VoteWanted))
	b.no(core.CodeUnheard, setVote(9, VoteWanted))
	b.no(core.CodeBadInput, setVote(2, VoteNever+1))
}

func TestNoMoreMembersArePromotedThanThereArePlaces(t *testing.T) {
	b := newBook(t)
	b.up(4)
	for n := range uint64(3) {
		b.yes(setVote(n+1, VoteWanted))
	}
	b.no(core.CodeNo, setVote(4, VoteWanted))
	b.yes(setVote(1, VoteWanted)) // it is so already
	b.yes(setVote(2, VoteUnwanted))
	b.yes(setVote(4, VoteWanted))
	b.yes(setVoters(5))
	b.yes(setVote(2, VoteWanted))
}

func TestAForgottenMemberNeverComesBack(t *testing.T) {
	b := newBook(t)
	gone := row(1, 3)
	gone.Raft = 77
	b.yes(up(gone))
	b.no(core.CodeNo, forget(1, 3, false))
	b.yes(down("crash", 1, 3))
	b.no(core.CodeBusy, forget(1, 2, false))
	b.no(core.CodeUnheard, forget(5, 1, true))
	o := b.yes(forget(1, 3, false))
	if len(o.Members) != 1 || o.Members[0].State != Left || len(o.Events) != 1 || o.Events[0].Detail != "forgotten" {
		t.Fatalf("%v %v", o.Members, o.Events)
	}
	b.yes(forget(1, 3, false)) // again is no harm
	back := row(1, 9)
	b.no(core.CodeBadInput, up(back))
	stolen := row(2, 1)
	stolen.Raft = 77
	b.no(core.CodeBadInput, up(stolen))
	b.yes(up(&wire.Row{Id: 4, Name: gone.Name, Addr: gone.Addr, Instance: 1, Raft: 78})) // its name is free
	again, err := Decode(b.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if g, ok := again.Forgotten(1); !ok || g.Raft != 77 || g.Name != gone.Name {
		t.Fatalf("a copy forgets %v", g)
	}
}

func TestALiveMemberIsForgottenByForceOnly(t *testing.T) {
	b := newBook(t)
	b.up(1)
	b.no(core.CodeNo, forget(1, 1, false))
	b.yes(forget(1, 1, true))
	b.wantMember(1, Left, 1)
}

func TestTombstonesAreBounded(t *testing.T) {
	b := newBook(t)
	for n := range uint64(KeepTombstones) + 5 {
		b.bury(&wire.Tombstone{Node: n + 1, Raft: n + 1})
	}
	if _, kept := b.Forgotten(5); kept || len(b.tombstones) != KeepTombstones || len(b.graves) != KeepTombstones {
		t.Fatalf("%d tombstones, %d graves", len(b.tombstones), len(b.graves))
	}
}
