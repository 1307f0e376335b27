package timetable

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// clerk is a leader with its timetable and the log behind it.
type clerk struct {
	*testing.T
	*Machine
	state *ledger.State
	now   core.Instant
	// deaf has the log take nothing.
	deaf bool
	made []string // what was fired, for which minute
}

// start is midnight; the machine booted an hour before.
const start = int64(1_772_409_600e9)

func newClerk(t *testing.T) *clerk {
	c := &clerk{T: t, state: ledger.New(core.ClusterID{1}, "test"), now: core.Instant(time.Hour)}
	c.Machine = New(Options{Ledger: func() *ledger.State { return c.state }})
	c.clockAt(start)
	c.do(Led{})
	return c
}

// clockAt sets the wall clock.
func (c *clerk) clockAt(wall int64) { c.do(Clock{Offset: time.Duration(wall - int64(c.now))}) }

func (c *clerk) wall() int64 { return int64(c.now) + int64(c.clock) }

// do takes a step, and the log takes what it proposes.
func (c *clerk) do(ev Event) {
	for _, f := range append([]Effect(nil), c.Step(c.now, ev)...) {
		if !c.deaf && f.Propose != nil {
			c.apply(f.Propose)
		}
	}
}

func (c *clerk) apply(cmd *wire.Command) {
	out := c.state.Apply(c.state.Applied()+1, &wire.Entry{WallNanos: c.wall(), Commands: []*wire.Command{cmd}})
	if f := cmd.GetFire(); f != nil && out[0].Verdict == nil {
		c.made = append(c.made, fmt.Sprintf("%d", (f.AtNanos-start)/60e9))
	}
	c.do(Changed{})
}

func (c *clerk) set(line, catchUp string) {
	c.apply(&wire.Command{Body: &wire.Command_SetSchedule{SetSchedule: &wire.SetSchedule{Replace: true, Schedule: &wire.Schedule{
		Name: "x", Cron: line, Overlap: ledger.OverlapAllow, CatchUp: catchUp, Spec: &wire.Spec{Name: "x", Argv: []string{"x"}},
	}}}})
}

// pass lets time pass, from one Next to another.
func (c *clerk) pass(d time.Duration) {
	until := c.now.Add(d)
	for c.Next() <= until {
		c.now = max(c.now, c.Next())
		c.do(Tick{})
	}
	c.now = until
}

func (c *clerk) want(made string) {
	c.Helper()
	if got := strings.Join(c.made, " "); got != made {
		c.Fatalf("it was fired for the minutes %s, not %s", got, made)
	}
}

func TestASchedulesTimesAreFiredAsTheyCome(t *testing.T) {
	c := newClerk(t)
	c.set("*/5 * * * *", ledger.CatchUpOnce)
	c.pass(16 * time.Minute)
	c.want("5 10 15")
}

func TestWhatPassedByIsMadeGoodAsAsked(t *testing.T) {
	for catchUp, want := range map[string]string{
		ledger.CatchUpOnce: "5 20 25", ledger.CatchUpAll: "5 10 15 20 25", ledger.CatchUpSkip: "5 25",
	} {
		c := newClerk(t)
		c.set("*/5 * * * *", catchUp)
		c.pass(6 * time.Minute)
		c.do(Deposed{})
		c.pass(16 * time.Minute)
		c.do(Led{})
		c.pass(4 * time.Minute)
		c.want(want)
	}
}

func TestWhatIsMadeGoodIsMadeAtOnce(t *testing.T) {
	c := newClerk(t)
	c.set("* * * * *", ledger.CatchUpAll)
	c.do(Deposed{})
	c.pass(10 * time.Minute)
	c.do(Led{})
	c.want("1 2 3 4 5 6 7 8 9 10")
}

func TestALateLeaderFiresWhatIsAMinuteOldEvenIfNothingIsMadeGood(t *testing.T) {
	c := newClerk(t)
	c.set("*/5 * * * *", ledger.CatchUpSkip)
	c.do(Deposed{})
	c.pass(5*time.Minute + 30*time.Second)
	c.do(Led{})
	c.want("5")
}

func TestAFireThatTheLogLostIsProposedAgain(t *testing.T) {
	c := newClerk(t)
	c.set("*/5 * * * *", ledger.CatchUpOnce)
	c.deaf = true
	c.pass(5*time.Minute + time.Second)
	c.want("")
	c.deaf = false
	c.pass(fireAgain)
	c.want("5")
}

func TestAFastClockFiresEarlyButOnce(t *testing.T) {
	c := newClerk(t)
	c.set("*/5 * * * *", ledger.CatchUpOnce)
	c.clockAt(start + 7*60e9)
	c.want("5")
	c.clockAt(start + 1*60e9) // the next leader's is right
	c.pass(10 * time.Minute)
	c.want("5 10")
}

func TestAScheduleThatIsReplacedIsReadAnew(t *testing.T) {
	c := newClerk(t)
	c.set("*/5 * * * *", ledger.CatchUpOnce)
	c.pass(6 * time.Minute)
	c.set("*/7 * * * *", ledger.CatchUpOnce)
	c.pass(2 * time.Minute)
	c.apply(&wire.Command{Body: &wire.Command_DropSchedule{DropSchedule: &wire.DropSchedule{Name: "x"}}})
	if c.Next() != core.Never {
		t.Fatalf("without a schedule something is due at %v", c.Next())
	}
	c.want("5 7")
}

func TestALineThatCannotBeReadIsSaidOnceAndFiresNever(t *testing.T) {
	c := newClerk(t)
	c.set("*/5 * * * *", ledger.CatchUpOnce)
	sc := c.state.Schedules()[0]
	sc.Zone = "Mars/Olympus" // as if another hb had known it
	notes := 0
	c.Step(c.now, Deposed{})
	for _, ev := range []Event{Led{}, Changed{}} {
		for _, f := range c.Step(c.now, ev) {
			if f.Note != "" {
				notes++
			}
		}
	}
	if notes != 1 || c.Next() != core.Never {
		t.Fatalf("it is said %d times, and the next look is at %v", notes, c.Next())
	}
}

// TestEveryTimeIsFiredOnce lets leaders change, proposals get lost and clocks jump
// by less than a period: each minute is fired exactly once, in order.
func TestEveryTimeIsFiredOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newClerk(t)
		c.set("* * * * *", ledger.CatchUpAll)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				c.clockAt(start + int64(c.now) - int64(time.Hour) + rapid.Int64Range(-50e9, 50e9).Draw(rt, "skew"))
			case 1:
				c.deaf = rapid.Bool().Draw(rt, "deaf")
			case 2:
				c.do(Deposed{})
				c.do(Led{})
			default:
				c.pass(time.Duration(rapid.Int64Range(0, 150e9).Draw(rt, "pass")))
			}
		}
		c.deaf = false
		c.clockAt(start + int64(c.now) - int64(time.Hour))
		c.pass(2 * time.Minute)
		for i, minute := range c.made {
			if minute != fmt.Sprint(i+1) {
				rt.Fatalf("fired for the minutes %v", c.made)
			}
		}
		if last := (c.wall() - start) / 60e9; int64(len(c.made)) < last {
			rt.Fatalf("in %d minutes %d were fired", last, len(c.made))
		}
	})
}
