package supervise

import (
	"fmt"
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

// full is a supervisor that runs 1, with 2 and 3 in its queue.
func full(t *testing.T) *bench {
	b := newBench(t, Forever)
	b.running(Exec{Fence: 1, Abreast: 1})
	b.do(Exec{Fence: 2, Abreast: 1})
	b.do(Exec{Fence: 3, Abreast: 1})
	b.want("")
	return b
}

func ended(f core.Fence) Ended { return Ended{f, &wire.Result{}} }

func TestTheNextBeginsAsSoonAsThereIsRoomWhetherThereIsADaemonOrNot(t *testing.T) {
	for _, there := range []bool{true, false} {
		b := full(t)
		if !there {
			b.do(Went{})
		}
		b.do(ended(1))
		b.want("fork 2")
		b.do(ended(2))
		b.want("fork 3, ended 1 exit 0, ended 2 exit 0")
		b.do(ended(3))
		b.want("ended 3 exit 0")
	}
}

func TestWhatMustNotWaitBeginsAtOnceAndTakesAPlace(t *testing.T) {
	b := full(t)
	b.do(Exec{Fence: 4})
	b.want("fork 4")
	b.do(ended(1))
	b.want("")
	b.do(ended(4))
	b.want("fork 2")
}

func TestNothingOvertakesInTheQueue(t *testing.T) {
	b := full(t)
	b.do(Exec{Fence: 4, Abreast: 9})
	b.want("")
	b.do(ended(1))
	b.want("fork 2")
	b.do(Recall{3})
	b.want("unbegun 3")
	b.do(ended(2))
	b.want("fork 4, ended 1 exit 0, ended 2 exit 0")
}

func TestEndsGatherWhileOthersWait(t *testing.T) {
	b := newBench(t, Forever)
	last := core.Fence(2*endsMost + 3)
	for f := core.Fence(1); f <= last; f++ {
		b.do(Exec{Fence: f, Abreast: 1})
	}
	for f := core.Fence(1); f < endsMost; f++ {
		b.do(ended(f))
		b.want(fmt.Sprint("fork ", f+1))
	}
	b.do(ended(endsMost))
	if len(b.seen) != 1+endsMost {
		t.Fatalf("%d are told: %s", len(b.seen), shape(b.seen))
	}
	b.do(ended(endsMost + 1))
	b.after(endsFor - 1)
	b.want("")
	b.after(1)
	b.want(fmt.Sprintf("ended %d exit 0", endsMost+1))
}

func TestWhatHasNotBegunIsTakenBackAndWhatHasIsNot(t *testing.T) {
	b := full(t)
	b.do(Recall{1})
	b.want("")
	for range 2 {
		b.do(Recall{2})
	}
	b.want("")
	b.do(Recall{9})
	b.want("")
	b.do(ended(1))
	b.want("fork 3, ended 1 exit 0")
}

func TestANewDaemonHearsThatWhatWaitedHasNotBegun(t *testing.T) {
	b := full(t)
	b.do(Went{})
	b.do(Came{})
	b.do(Adopt{[]*wire.Started{started(1), started(2)}})
	b.want("started 1, unbegun 2, gone 3")
	b.do(ended(1))
	b.want("ended 1 exit 0")
}

func TestWhatWaitsEndsWithThisProcess(t *testing.T) {
	for _, ev := range []Event{Quit{}, Homeless{}, Stop{}} {
		b := full(t)
		b.do(ev)
		if got := shape(b.seen[:2]); got != "unbegun 2, unbegun 3" {
			t.Fatalf("after %T: %s", ev, got)
		}
		b.do(ended(1))
		b.want("ended 1 cancelled, exit")
	}
}

func TestAnEndOfWhatWaitsIsAnEnd(t *testing.T) {
	b := full(t)
	b.do(Terminate{2, time.Second})
	b.want("")
	b.do(Disown{3})
	b.want("gone 3, ended 2 cancelled")
	b.do(ended(1))
	b.want("ended 1 exit 0")
}
