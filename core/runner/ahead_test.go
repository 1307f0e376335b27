package runner

import (
	"fmt"
	"testing"

	"hb/core"
	"hb/core/wire"
)

// waiting is what the last step told of what has not started.
func (b *bench) waiting() []core.Fence {
	for _, f := range b.seen {
		if h, ok := f.(Held); ok {
			return h.Waiting
		}
	}
	return nil
}

func TestWhatMustNotRunTwiceWaitsHereAndNothingOvertakesIt(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.grant(2)
	b.once(3)
	b.grant(4)
	b.want("journal intent 4;")
	b.sync()
	b.want("queue at 1 2;")
	b.do(Ended{1, &wire.Result{}})
	b.want("")
	b.do(Ended{2, &wire.Result{}})
	b.want("journal intent 3 ended 1 ended 2;")
	b.sync()
	b.want("report 1 exit 0;report 2 exit 0;exec 3;queue at 1 4;")
}

func TestWhatWaitsForASlotHasItsIntentOnDiskAndMayBeTakenBack(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.grant(2)
	b.want("journal intent 2;")
	b.once(3)
	b.want("") // its intent would make an end of it that nobody can undo
	b.sync()
	b.want("queue at 1 2;")
	b.after(heldEvery)
	if got := fmt.Sprint(b.waiting()); got != "[2]" {
		t.Fatalf("it would give back %s", got)
	}
	for _, n := range []int{1, 3, 2} {
		k := kill(n, n)
		k.Kill.Unstarted = true
		b.do(k)
		b.want(map[int]string{1: "", 2: "recall 2;", 3: ""}[n])
	}
	b.do(Unbegun{2})
	b.want("refuse 2;")
	b.grant(2)
	b.want("refuse 2;")
	b.do(Ended{1, &wire.Result{}})
	b.want("journal forgotten 2 intent 3 ended 1;")
	b.sync()
	b.want("report 1 exit 0;exec 3;")
}

func TestWhatHasBegunMeanwhileIsNotTakenBack(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	for n := 2; n <= 3; n++ {
		b.grant(n)
	}
	b.sync()
	b.do(kill(2, 2))
	b.want("recall 2;")
	b.do(kill(3, 3))
	b.want("recall 3;")
	b.do(kill(3, 3)) // again
	b.want("")
	b.do(Ended{1, &wire.Result{}}) // and 2 begins before it hears of that
	b.do(Started{Fence: 2, Pid: 102})
	b.want("terminate 2 after 5s;journal started 2;")
	b.do(Unbegun{3})
	b.want("refuse 3;journal forgotten 3 ended 1;")
	b.do(Unbegun{2})
	b.want("")
	b.do(Ended{2, &wire.Result{Cancelled: true}})
	b.sync()
	b.want("report 1 exit 0;report 2 cancelled;")
}

func TestWhoPartsGivesBackWhatHasNotStarted(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	b.grant(2)
	b.sync()
	b.grant(3)
	b.do(Parting{})
	b.want("recall 2;refuse 3;")
	b.do(Unbegun{2})
	b.want("refuse 2;")
	if got := fmt.Sprint(b.Fences()); got != "[1]" {
		t.Fatalf("it holds %s", got)
	}
}

func TestEndsGatherWhileOthersAreReady(t *testing.T) {
	b := newBench(t, 1)
	b.running(1)
	for n := 2; n <= 5; n++ {
		b.grant(n)
	}
	b.sync()
	b.do(Ended{1, &wire.Result{}})
	b.want("")
	b.after(endsFor - 1)
	b.want("")
	b.do(Ended{2, &wire.Result{}})
	b.want("")
	b.after(1)
	b.want("journal ended 1 ended 2;")
	b.sync()
	b.want("report 1 exit 0;report 2 exit 0;")
	b.do(Ended{3, &wire.Result{}})
	b.do(Ended{4, &wire.Result{}})
	b.want("journal ended 3 ended 4;") // nothing waits any more
}
