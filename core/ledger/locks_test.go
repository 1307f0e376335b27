package ledger

import (
	"fmt"
	"strings"
	"testing"

	"hb/core"
	"hb/core/wire"
)

func acquire(name string, session byte, node uint64, wait bool) *wire.Command {
	return &wire.Command{Body: &wire.Command_AcquireLock{AcquireLock: &wire.AcquireLock{
		Name: name, Session: lockSession(session), Node: node, Wait: wait,
	}}}
}

func share(name string, session byte, node uint64) *wire.Command {
	c := acquire(name, session, node, true)
	c.GetAcquireLock().Shared = true
	return c
}

func release(session byte) *wire.Command {
	return &wire.Command{Body: &wire.Command_ReleaseLock{ReleaseLock: &wire.ReleaseLock{Session: lockSession(session), Lost: true}}}
}

func lockSession(n byte) []byte {
	id := LockSession{15: n}
	return id[:]
}

// wantHolders tells which sessions are in a lock, in order: "2:+ 3:-" says
// that session 2 has it and session 3 waits.
func (b *book) wantHolders(name, want string) {
	b.Helper()
	var parts []string
	for _, l := range b.Locks() {
		if l.Name != name {
			continue
		}
		for _, x := range l.Sessions {
			sign := "-"
			if x.Fence != 0 {
				sign = "+"
			}
			parts = append(parts, fmt.Sprintf("%d:%s", x.Session[15], sign))
		}
	}
	if got := strings.Join(parts, " "); got != want {
		b.Fatalf("lock %s has %q, not %q", name, got, want)
	}
}

func (b *book) fence(session byte) core.Fence {
	b.Helper()
	_, x, ok := b.Lock(LockSession(lockSession(session)))
	if !ok || x.Fence == 0 {
		b.Fatalf("session %d has no lock", session)
	}
	return core.Fence(x.Fence)
}

func TestALockIsGivenInTheOrderOfAsking(t *testing.T) {
	b := newBook(t)
	b.yes(acquire("db", 1, 1, false))
	first := b.fence(1)
	b.yes(acquire("db", 2, 2, true))
	b.yes(acquire("db", 3, 3, true))
	b.yes(acquire("web", 4, 3, false))
	b.no(core.CodeNo, acquire("db", 5, 3, false))
	b.wantHolders("db", "1:+ 2:- 3:-")
	o := b.yes(release(1))
	b.wantHolders("db", "2:+ 3:-")
	if f := b.fence(2); f != o.Fence || f <= first {
		t.Fatalf("session 2 has the fence %d, its lock was released at %d and had before %d", f, o.Fence, first)
	}
	b.yes(release(2))
	b.yes(release(3))
	b.yes(release(3))
	b.wantHolders("db", "")
	b.wantHolders("web", "4:+")
}

func TestTheSameSessionIsAnsweredAsTheFirstTime(t *testing.T) {
	b := newBook(t)
	b.yes(acquire("db", 1, 1, false))
	b.yes(acquire("db", 2, 2, true))
	fence := b.fence(1)
	b.yes(acquire("db", 1, 1, false))
	b.yes(acquire("db", 2, 2, false))
	b.wantHolders("db", "1:+ 2:-")
	if b.fence(1) != fence {
		t.Fatal("asking again gave another fence")
	}
	b.no(core.CodeBadInput, acquire("web", 1, 1, false))
	b.no(core.CodeBadInput, acquire("db", 1, 2, false))
	b.no(core.CodeBadInput, acquire("", 3, 1, false))
	b.no(core.CodeBadInput, acquire(strings.Repeat("x", MaxLockName+1), 3, 1, false))
}

func TestASharedLockIsSharedOnlyBehindOneMember(t *testing.T) {
	b := newBook(t)
	b.yes(share("lead", 1, 1))
	b.yes(share("lead", 2, 1))
	b.yes(share("lead", 3, 2))
	b.yes(share("lead", 4, 1)) // not past who waits
	b.yes(share("lead", 5, 2))
	b.wantHolders("lead", "1:+ 2:+ 3:- 4:- 5:-")
	b.yes(release(1))
	b.wantHolders("lead", "2:+ 3:- 4:- 5:-")
	b.yes(release(2))
	b.wantHolders("lead", "3:+ 4:- 5:-")
	b.yes(release(4))
	b.wantHolders("lead", "3:+ 5:+")
}

func TestClientsOfAMemberThatIsDownWaitNoMore(t *testing.T) {
	b := newBook(t)
	b.up(3)
	b.yes(acquire("db", 1, 1, true))
	b.yes(acquire("db", 2, 2, true))
	b.yes(acquire("db", 3, 3, true))
	b.yes(down(Restart, 2, 1))
	b.wantHolders("db", "1:+ 2:- 3:-")
	b.yes(down(Crash, 1, 1))
	b.wantHolders("db", "1:+ 2:- 3:-")
	b.yes(up(row(2, 2)))
	b.yes(down(Crash, 2, 2))
	b.wantHolders("db", "1:+ 3:-")
	b.yes(down(Crash, 3, 1))
	b.yes(forget(3, 1, false))
	b.wantHolders("db", "1:+")
}
