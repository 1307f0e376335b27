package supervise

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/wire"
)

// bench is a supervisor under test, with a daemon.
type bench struct {
	*testing.T
	*Machine
	now  core.Instant
	seen []Effect // of the last step
}

func newBench(t *testing.T, linger time.Duration) *bench {
	b := &bench{T: t, now: core.Instant(time.Hour)}
	b.Machine = New(b.now, Options{Linger: linger})
	b.do(Came{})
	b.do(Adopt{})
	return b
}

func (b *bench) do(ev Event) {
	b.seen = append([]Effect(nil), b.Step(b.now, ev)...)
}

// after lets time pass and takes a step if the machine asked for one.
func (b *bench) after(d time.Duration) {
	b.now = b.now.Add(d)
	b.seen = nil
	if b.Next() <= b.now {
		b.do(Tick{})
	}
}

func (b *bench) want(what string) {
	b.Helper()
	if got := shape(b.seen); got != what {
		b.Fatalf("it did %q, not %q", got, what)
	}
}

// shape puts effects into words.
func shape(effects []Effect) string {
	var words []string
	for _, f := range effects {
		switch f := f.(type) {
		case Fork:
			words = append(words, fmt.Sprintf("fork %d", f.Fence))
		case Kill:
			name := "KILL"
			if f.Sig == syscall.SIGTERM {
				name = "TERM"
			}
			words = append(words, fmt.Sprintf("%s %d", name, f.Fence))
		case Reap:
			words = append(words, fmt.Sprintf("reap %d", f.Started.Fence))
		case TellStarted:
			words = append(words, fmt.Sprintf("started %d", f.Started.Fence))
		case TellEnded:
			words = append(words, fmt.Sprintf("ended %d %s", f.Fence, shapeResult(f.Result)))
		case TellGone:
			words = append(words, fmt.Sprintf("gone %d", f.Fence))
		case TellUnbegun:
			words = append(words, fmt.Sprintf("unbegun %d", f.Fence))
		case Exit:
			words = append(words, "exit")
		}
	}
	return strings.Join(words, ", ")
}

func shapeResult(r *wire.Result) string {
	switch {
	case r.Lost:
		return "lost"
	case r.TimedOut:
		return "timed out"
	case r.Cancelled:
		return "cancelled"
	}
	return fmt.Sprint("exit ", r.Exit)
}

func started(f core.Fence) *wire.Started {
	return &wire.Started{Fence: uint64(f), Pid: 100 + int64(f), StartTicks: 7, Boot: "boot"}
}

// running begins an attempt.
func (b *bench) running(e Exec) {
	b.Helper()
	b.do(e)
	b.want(fmt.Sprintf("fork %d", e.Fence))
	b.do(Forked{started(e.Fence)})
	b.want("")
	b.after(tellAfter)
	b.want(fmt.Sprintf("started %d", e.Fence))
}

func killed(f core.Fence) Ended { return Ended{f, &wire.Result{Signal: 9, Exit: 137}} }

func TestAnEndIsToldAndKeptUntilItIsReleased(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1})
	b.do(Exec{Fence: 1})
	b.want("") // again
	b.do(Ended{1, &wire.Result{Exit: 3}})
	b.want("ended 1 exit 3")
	for range 2 {
		b.do(Went{})
		b.do(Came{})
		b.do(Adopt{[]*wire.Started{started(1)}})
		b.want("ended 1 exit 3")
	}
	b.do(Release{1})
	b.do(Adopt{[]*wire.Started{started(1)}})
	b.want("reap 1")
	b.do(Reaped{1})
	b.want("gone 1")
}

func TestOfOneThatEndsAtOnceOnlyTheEndIsTold(t *testing.T) {
	b := newBench(t, Forever)
	b.do(Exec{Fence: 1})
	b.do(Forked{started(1)})
	b.after(tellAfter - 1)
	b.do(Ended{1, &wire.Result{}})
	b.want("ended 1 exit 0")
	b.after(time.Hour)
	b.want("")
}

func TestTheTimeLimitCountsFromTheStart(t *testing.T) {
	b := newBench(t, Forever)
	b.do(Exec{Fence: 1, Limit: 10 * time.Second})
	b.after(time.Minute)
	b.do(Forked{started(1)})
	b.after(tellAfter)
	b.want("started 1")
	b.after(10*time.Second - tellAfter - 1)
	b.want("")
	b.after(1)
	b.want("TERM 1")
	for range 2 {
		b.after(KillAfter - 1)
		b.want("")
		b.after(1)
		b.want("KILL 1")
	}
	b.do(Terminate{1, time.Hour}) // too late to be the cause
	b.want("")
	b.do(killed(1))
	b.want("ended 1 timed out")
}

func TestAWishIsInsistedOnAfterItsGrace(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1})
	b.do(Terminate{1, 30 * time.Second})
	b.want("TERM 1")
	b.do(Terminate{1, 30 * time.Second})
	b.want("")
	b.after(30*time.Second - 1)
	b.want("")
	b.after(1)
	b.want("KILL 1")
	result := &wire.Result{Signal: 9}
	b.do(Ended{1, result})
	b.want("ended 1 cancelled")
	if result.Cancelled {
		t.Fatal("the driver's own result was changed")
	}
	b.do(Terminate{1, 0})
	b.do(Terminate{9, 0})
	b.want("")
}

func TestAShorterGraceWins(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1})
	b.do(Terminate{1, 30 * time.Second})
	b.do(Terminate{1, time.Second})
	b.after(time.Second)
	b.want("KILL 1")
}

func TestAWishBeforeTheStartIsFulfilledAfterIt(t *testing.T) {
	b := newBench(t, Forever)
	b.do(Exec{Fence: 1})
	b.do(Terminate{1, 5 * time.Second})
	b.want("")
	b.after(time.Minute)
	b.do(Forked{started(1)})
	b.want("started 1, TERM 1")
	b.after(5 * time.Second)
	b.want("KILL 1")
}

func TestTheLeaseKillsAgainAndAgain(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1, Until: b.now.Add(10 * time.Second)})
	b.do(Went{}) // daemon or not
	b.after(10*time.Second - tellAfter - 1)
	b.want("")
	b.after(1)
	for range 3 {
		b.want("KILL 1")
		b.after(leaseAgain)
	}
	b.do(killed(1))
	b.want("ended 1 lost")
}

func TestARenewedLeaseLastsLonger(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1, Until: b.now.Add(10 * time.Second)})
	end := b.now.Add(20 * time.Second)
	b.do(Renew{1, end})
	b.do(Renew{1, b.now})
	b.after(end.Sub(b.now) - 1)
	b.want("")
	b.after(1)
	b.want("KILL 1")
	b.do(Ended{1, &wire.Result{Exit: 3}})
	b.want("ended 1 exit 3") // by itself, just then
}

func TestARenewalGivesNoLeaseToWhatHasNone(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1})
	b.do(Renew{1, b.now.Add(time.Second)})
	b.do(Renew{2, b.now.Add(time.Second)})
	b.after(time.Hour)
	b.want("")
}

func TestWhatAPausedMachineMissedIsDoneAtOnce(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1, Limit: time.Second, Until: b.now.Add(10 * time.Second)})
	b.after(time.Hour)
	b.want("KILL 1")
}

func TestADaemonHearsWhatBecameOfWhatItNamesAndTheRestIsEnded(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1})
	b.running(Exec{Fence: 2})
	b.running(Exec{Fence: 3})
	b.do(Exec{Fence: 4})
	b.do(Exec{Fence: 5})
	b.do(Ended{3, &wire.Result{Exit: 7}})
	b.do(Went{})
	b.do(Came{})
	b.do(Adopt{[]*wire.Started{started(1), started(3), started(4), started(9)}})
	b.want("started 1, ended 3 exit 7, reap 9, KILL 2")
	b.do(killed(2))
	b.want("gone 2")
	b.do(Forked{started(4)})
	b.after(tellAfter)
	b.want("started 4")
	b.do(Forked{started(5)})
	b.want("KILL 5")
	b.do(killed(5))
	b.do(Ended{4, &wire.Result{}})
	b.want("ended 4 exit 0")
	if b.Attempts() != 3 {
		t.Fatalf("%d attempts are kept", b.Attempts())
	}
}

func TestWhatNoJournalKnowsEndsWhateverItIs(t *testing.T) {
	b := newBench(t, Forever)
	b.do(Disown{9})
	b.want("reap 9")
	b.running(Exec{Fence: 1})
	b.do(Disown{1})
	b.want("KILL 1")
	b.do(killed(1))
	b.want("gone 1")
	b.running(Exec{Fence: 2})
	b.do(killed(2))
	b.do(Disown{2})
	b.want("gone 2")
}

func TestWithoutADaemonEverythingEndsInTime(t *testing.T) {
	b := newBench(t, time.Minute)
	b.running(Exec{Fence: 1})
	b.running(Exec{Fence: 2})
	b.do(Ended{2, &wire.Result{}})
	b.do(Went{})
	b.after(time.Minute - 1)
	b.want("")
	b.after(1)
	b.want("KILL 1")
	b.do(killed(1))
	b.want("ended 1 cancelled, exit")
	if b.Next() != core.Never {
		t.Fatal("it wants to go on")
	}
}

func TestADaemonThatComesBackEndsTheWait(t *testing.T) {
	b := newBench(t, time.Minute)
	b.running(Exec{Fence: 1})
	b.do(Went{})
	b.after(time.Minute - 1)
	b.do(Came{})
	b.after(time.Hour)
	b.want("")
}

func TestWithoutAttemptsItWaitsOnlyALittle(t *testing.T) {
	b := newBench(t, Forever)
	b.do(Went{})
	b.after(IdleLinger - 1)
	b.want("")
	b.after(1)
	b.want("exit")
}

func TestForItsFirstDaemonItWaitsInAnyCase(t *testing.T) {
	b := &bench{T: t, Machine: New(0, Options{})}
	b.after(IdleLinger - 1)
	b.want("")
	b.after(1)
	b.want("exit")
}

func TestQuitEndsEverythingAtOnce(t *testing.T) {
	for _, ev := range []Event{Quit{}, Homeless{}} {
		b := newBench(t, Forever)
		b.running(Exec{Fence: 1})
		b.do(Exec{Fence: 2})
		b.do(ev)
		b.want("KILL 1")
		b.do(Exec{Fence: 3})
		b.want("ended 3 lost")
		b.do(Forked{started(2)})
		b.want("started 2, KILL 2")
		b.do(killed(1))
		b.want("ended 1 cancelled")
		b.do(killed(2))
		b.want("ended 2 cancelled, exit")
	}
}

func TestWhatIsStuckDoesNotHoldTheEndForEver(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1})
	b.do(Quit{})
	b.after(KillAfter)
	b.want("KILL 1")
	b.after(quitPatience)
	b.want("KILL 1, exit")
}

func TestTheEndOfTheMachineIsOrderly(t *testing.T) {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1})
	b.do(Stop{})
	b.want("TERM 1")
	b.after(StopGrace - 1)
	b.want("")
	b.after(1)
	b.want("KILL 1")
	b.do(killed(1))
	b.want("ended 1 cancelled, exit")
}

// TestWhateverHappens: no fence is forked twice, no end is told before there is
// one, or changes, and what is to end does.
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, now := New(0, Options{Linger: time.Minute}), core.Instant(0)
		forked, unbegun, ended := map[core.Fence]bool{}, map[core.Fence]bool{}, map[core.Fence]string{}
		abreast := rapid.IntRange(0, 2).Draw(t, "abreast")
		var alive []core.Fence
		exited := false
		carry := func(effects []Effect) {
			for _, f := range append([]Effect(nil), effects...) {
				switch f := f.(type) {
				case Fork:
					if forked[f.Fence] || unbegun[f.Fence] {
						t.Fatalf("fence %d is forked again, or after it was taken back", f.Fence)
					}
					forked[f.Fence] = true
					if alive = append(alive, f.Fence); abreast > 0 && len(alive) > abreast {
						t.Fatalf("%v run, more than %d", alive, abreast)
					}
				case TellUnbegun:
					if unbegun[f.Fence] = true; forked[f.Fence] {
						t.Fatalf("fence %d was forked, and has not begun", f.Fence)
					}
				case TellEnded:
					said := shapeResult(f.Result)
					if before, again := ended[f.Fence]; again && said != before {
						t.Fatalf("fence %d ended as %s, and as %s", f.Fence, before, said)
					}
					for _, a := range alive {
						if a == f.Fence {
							t.Fatalf("fence %d is told to have ended, and runs", a)
						}
					}
					ended[f.Fence] = said
				case Exit:
					exited = true
				}
			}
		}
		fence := func() core.Fence { return core.Fence(rapid.IntRange(1, 6).Draw(t, "fence")) }
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 8000).Draw(t, "ms")) * time.Millisecond)
			var ev Event
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 0, 1, 2:
				if f := fence(); !forked[f] && !unbegun[f] && ended[f] == "" { // the runner's intent makes sure of that
					ev = Exec{Fence: f, Abreast: abreast, Limit: time.Duration(rapid.IntRange(0, 3).Draw(t, "limit")) * 10 * time.Second}
				}
			case 3:
				ev = Forked{started(fence())}
			case 4, 5:
				if n := len(alive); n > 0 {
					i := rapid.IntRange(0, n-1).Draw(t, "which")
					ev = killed(alive[i])
					alive = append(alive[:i:i], alive[i+1:]...)
				}
			case 6:
				ev = Terminate{fence(), time.Second}
			case 7:
				ev = Went{}
			case 8, 9:
				carry(m.Step(now, Came{}))
				ev = Adopt{[]*wire.Started{started(fence()), started(fence()), started(fence())}}
			case 10:
				ev = Release{fence()}
			case 11:
				ev = Tick{}
			case 12:
				ev = Recall{fence()}
			}
			if ev != nil {
				carry(m.Step(now, ev))
			}
		}
		carry(m.Step(now, Went{}))
		for range 100 {
			now = max(now, core.Earlier(m.Next(), now.Add(time.Minute)))
			carry(m.Step(now, Tick{}))
			for _, f := range alive {
				carry(m.Step(now, Forked{started(f)}))
			}
			for len(alive) > 0 {
				f := alive[0]
				alive = alive[1:]
				carry(m.Step(now, killed(f)))
			}
		}
		if !exited {
			t.Fatal("without a daemon it goes on for ever")
		}
	})
}
