package runner

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

// exclusive grants a task with a key.
func (b *bench) exclusive(n int) []Effect {
	g := grant(n, 1, n)
	g.Spec.Exclusive = "k"
	return b.do(Granted{g})
}

// asked is the last question for a lease, 0 for none.
func (b *bench) asked() (id uint64) {
	for _, f := range b.seen {
		if ask, ok := f.(AskLease); ok {
			id = ask.ID
		}
	}
	return id
}

// renewed is until when the last step let a process run.
func (b *bench) renewed() (until core.Instant) {
	for _, f := range b.seen {
		switch f := f.(type) {
		case Renew:
			until = f.Until
		case Exec:
			until = f.Until
		}
	}
	return until
}

// leased has an exclusive attempt running, asked for at the moment it gives.
func (b *bench) leased(n int) (sent core.Instant) {
	b.Helper()
	b.exclusive(n)
	sent = b.now
	b.do(Leased{b.asked(), []core.Fence{core.Fence(n)}})
	b.sync()
	b.want("exec 1;")
	b.do(Started{Fence: core.Fence(n), Pid: 100})
	b.sync()
	return sent
}

func TestAnExclusiveAttemptBeginsOnlyWithALease(t *testing.T) {
	b := newBench(t, 2)
	b.exclusive(1)
	b.want("")
	id := b.asked()
	if id == 0 {
		t.Fatal("it did not ask")
	}
	b.after(time.Second)
	b.do(Leased{id, nil}) // the leader says no
	b.want("")
	b.after(core.LeaseEvery)
	sent := b.now
	id = b.asked()
	b.after(time.Second)
	b.do(Leased{id, []core.Fence{1}})
	b.want("journal intent 1;")
	b.sync()
	b.want("exec 1;")
	if got := b.renewed(); got != sent.Add(core.Lease) {
		t.Fatalf("it may run until %v, not a lease from the question", got)
	}
}

func TestALeaseThatComesTooLateBeginsNothing(t *testing.T) {
	b := newBench(t, 2)
	b.exclusive(1)
	id := b.asked()
	b.now = b.now.Add(core.Lease - core.LeaseLeast + 1)
	b.do(Leased{id, []core.Fence{1}})
	b.want("")
	b.do(Leased{999, []core.Fence{1}}) // to a question that nobody asked
	b.want("")
}

func TestASlowDiskLetsNothingBeginWithoutALease(t *testing.T) {
	b := newBench(t, 2)
	b.exclusive(1)
	b.do(Leased{b.asked(), []core.Fence{1}})
	b.want("journal intent 1;")
	b.after(core.Lease)
	id := b.asked()
	b.sync()
	b.want("")
	b.do(Leased{id, []core.Fence{1}})
	b.want("exec 1;")
}

func TestACancelEndsWhatStillWaitsForItsLease(t *testing.T) {
	b := newBench(t, 2)
	b.exclusive(1)
	b.do(Leased{b.asked(), []core.Fence{1}})
	b.after(core.Lease)
	b.sync()
	b.do(kill(1, 1))
	b.want("journal ended 1;")
	b.sync()
	b.want("report 1 cancelled;")
}

func TestALeaseIsRenewedWhileTheAttemptRuns(t *testing.T) {
	b := newBench(t, 2)
	b.leased(1)
	for range 20 {
		b.after(core.LeaseEvery)
		id, sent := b.asked(), b.now
		if id == 0 {
			t.Fatal("it did not ask again")
		}
		b.do(Leased{id, []core.Fence{1}})
		b.want("")
		if b.renewed() != sent.Add(core.Lease) {
			t.Fatalf("it may run until %v", b.renewed())
		}
	}
	b.do(Ended{Fence: 1, Result: &wire.Result{}})
	b.sync()
	b.want("report 1 exit 0;")
}

func TestAnAdoptedAttemptAsksForItsLeaseAtOnce(t *testing.T) {
	b := newBench(t, 2)
	b.leased(1)
	b.restart()
	b.want("adopt 1 pid 100;")
	b.do(Started{Fence: 1, Pid: 100})
	id, sent := b.asked(), b.now
	if id == 0 {
		t.Fatal("it did not ask")
	}
	b.after(time.Second)
	b.do(Leased{id, []core.Fence{1}})
	if b.renewed() != sent.Add(core.Lease) {
		t.Fatalf("it may run until %v", b.renewed())
	}
}

func TestOrdinaryAttemptsAskForNoLease(t *testing.T) {
	b := newBench(t, 2)
	b.grant(1)
	if b.asked() != 0 {
		t.Fatal("it asked")
	}
}
