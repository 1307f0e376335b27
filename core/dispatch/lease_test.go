package dispatch

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

func alone(key string) *wire.Spec {
	s := job()
	s.Exclusive = key
	return s
}

const whole = core.Lease + core.LeaseGrace

func TestOneKeyIsGrantedOnceAtATime(t *testing.T) {
	d := newDesk(t, 9)
	if _, ok := d.PlanFor(d.now, submit(1, alone("k")).GetSubmit()); !ok {
		t.Fatal("no plan")
	}
	if _, ok := d.PlanFor(d.now, submit(2, alone("k")).GetSubmit()); ok {
		t.Fatal("a second plan for the key")
	}
	if _, ok := d.PlanFor(d.now, submit(3, alone("other")).GetSubmit()); !ok {
		t.Fatal("no plan for another key")
	}
	d = newDesk(t, 9)
	for n := range 3 {
		d.submit(n+1, alone("k"))
		d.settle()
	}
	for n := 1; n <= 3; n++ {
		for m := 1; m <= 3; m++ {
			if (d.on(m) != 0) != (m == n) && m >= n {
				t.Fatalf("in turn %d task %d is on %d", n, m, d.on(m))
			}
		}
		d.apply(finish(n, d.fence(n), &wire.Result{}))
		d.settle()
	}
}

func TestAnExclusiveGrantIsTakenBackOnlyAfterItsLease(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.submit(1, jobLike(alone("k"), "web2"))
	d.settle()
	d.after(5 * time.Second)
	if !d.Renew(d.now, 2, d.fence(1)) || d.Renew(d.now, 1, d.fence(1)) || d.Renew(d.now, 2, 5) {
		t.Fatal("the wrong one is renewed")
	}
	renewed := d.now
	d.after(2 * time.Second)
	d.apply(down(2, 1))
	d.want("")
	d.now = renewed.Add(whole - 1)
	d.do(Tick{})
	d.want("")
	d.after(1)
	d.want("requeue 1;")
	if d.Renew(d.now, 2, d.fence(1)) {
		t.Fatal("renewed while it is taken back")
	}
}

func TestANewLeaderWaitsAWholeLease(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.submit(1, jobLike(alone("k"), "web2"))
	d.settle()
	d.after(time.Hour)
	d.do(Deposed{})
	d.apply(down(2, 1))
	d.do(Led{})
	d.want("")
	d.after(whole - 1)
	d.want("")
	d.after(1)
	d.want("requeue 1;")
}

func TestAnEndThatIsProvenFreesTheKeyAtOnce(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.submit(1, jobLike(alone("k"), "web2"))
	d.settle()
	d.submit(2, alone("k"))
	d.want("")
	d.do(Refused{Node: 2, Task: tid(1), Fence: d.fence(1), Reason: "it never came"})
	d.want("requeue 1;")
}

func TestAGrantThatTheLogWouldNotTakeBackIsRenewedAgain(t *testing.T) {
	d := newDesk(t, 1, 1)
	d.submit(1, jobLike(alone("k"), "web2"))
	d.settle()
	d.after(time.Hour)
	d.apply(down(2, 1))
	d.want("requeue 1;")
	back := d.seen[0].(Propose).Command
	d.apply(up(2, 1), back) // it came back in between
	if !d.Renew(d.now, 2, d.fence(1)) {
		t.Fatal("it is not renewed")
	}
}

func jobLike(s *wire.Spec, on string) *wire.Spec {
	s.On = on
	return s
}
