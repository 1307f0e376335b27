package ledger

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// What a schedule does when it is due and its last task is still open.
const (
	OverlapSkip  = "skip"  // makes none
	OverlapQueue = "queue" // makes one that waits until the last has ended
	OverlapAllow = "allow" // makes one that may run beside it
)

// What becomes of times that were due while nobody could make their tasks.
const (
	CatchUpSkip = "skip" // nothing
	CatchUpOnce = "once" // one task, for the last of them
	CatchUpAll  = "all"  // a task for each
)

// ScheduleEvents are the kinds of events that a schedule can wait for: those
// that stand in the log, so that each of them is one event for all members.
func ScheduleEvents() []string { return []string{"agreed-up", "agreed-down"} }

// Schedules are all there are, by name.
func (s *State) Schedules() []*wire.Schedule { return slices.Clone(s.schedules) }

// Schedule finds one by its name.
func (s *State) Schedule(name string) (*wire.Schedule, bool) {
	i, ok := s.findSchedule(name)
	if !ok {
		return nil, false
	}
	return s.schedules[i], true
}

func (s *State) findSchedule(name string) (int, bool) {
	return slices.BinarySearchFunc(s.schedules, name, func(sc *wire.Schedule, name string) int { return strings.Compare(sc.Name, name) })
}

// keepSchedule puts a record in the place of the one of its name.
func (s *State) keepSchedule(sc *wire.Schedule) {
	i, ok := s.findSchedule(sc.Name)
	if ok {
		s.schedules[i] = sc
		return
	}
	s.schedules = slices.Insert(s.schedules, i, sc)
}

// applyToSchedule carries out a command about a schedule.
func (s *State) applyToSchedule(o *Outcome) {
	switch b := o.Command.GetBody().(type) {
	case *wire.Command_SetSchedule:
		s.setSchedule(o, b.SetSchedule)
	case *wire.Command_DropSchedule:
		if s.knownSchedule(o, b.DropSchedule.GetName()) != nil {
			i, _ := s.findSchedule(b.DropSchedule.Name)
			s.schedules = slices.Delete(s.schedules, i, i+1)
		}
	case *wire.Command_PauseSchedule:
		s.pauseSchedule(o, b.PauseSchedule)
	case *wire.Command_Fire:
		s.fire(o, b.Fire)
	default:
		if len(o.Command.ProtoReflect().GetUnknown()) > 0 {
			panic(fmt.Sprintf("ledger: index %d holds a command that Understood objects to", s.applied))
		}
		o.Verdict = refuse(core.CodeBadInput, "a command without content")
	}
}

// knownSchedule finds the schedule that a command names, or refuses the command.
func (s *State) knownSchedule(o *Outcome, name string) *wire.Schedule {
	sc, ok := s.Schedule(name)
	if !ok {
		o.Verdict = refuse(core.CodeUnheard, "schedule %q: never heard of it", name)
		o.Verdict.Hint = "hb schedule list lists them"
	}
	return sc
}

// setSchedule takes in a definition. The same one again changes nothing.
func (s *State) setSchedule(o *Outcome, c *wire.SetSchedule) {
	want := definition(c.GetSchedule())
	if o.Verdict = s.judgeSchedule(want); o.Verdict != nil {
		return
	}
	old, known := s.Schedule(want.Name)
	switch {
	case known && proto.Equal(definition(old), want):
		return
	case known && !c.Replace:
		o.Verdict = refuse(core.CodeBadInput, "schedule %q is there with another definition", want.Name)
		o.Verdict.Hint = "hb schedule show " + want.Name + " shows it; --replace takes the new one"
		return
	case !known && len(s.schedules) >= MaxSchedules:
		o.Verdict = refuse(core.CodeBusy, "there are %d schedules: no more are taken", len(s.schedules))
		return
	}
	want.Order, want.SetNanos, want.LastNanos = uint64(o.Fence), s.wall, s.wall
	if known { // what the old one has done counts on, and so does its last task
		want.Task, want.FiredNanos, want.Fired, want.Skipped, want.Paused = old.Task, old.FiredNanos, old.Fired, old.Skipped, old.Paused
	}
	s.keepSchedule(want)
}

// definition is a schedule without its history.
func definition(sc *wire.Schedule) *wire.Schedule {
	return &wire.Schedule{
		Name: sc.GetName(), Cron: sc.GetCron(), Zone: sc.GetZone(), Event: sc.GetEvent(),
		Overlap: sc.GetOverlap(), CatchUp: sc.GetCatchUp(), Spec: sc.GetSpec(),
	}
}

// judgeSchedule says what keeps a definition from making sense. Whether the cron
// line does is up to whoever proposes it: members may have different time zones.
func (s *State) judgeSchedule(sc *wire.Schedule) *wire.Verdict {
	if err := checkDefinition(sc); err != nil {
		return refuse(core.CodeBadInput, "schedule %q: %v", sc.Name, err)
	}
	one := [len(core.TaskID{})]byte{1}
	if v := s.judgeSpec(&wire.Submit{Task: one[:], Spec: sc.Spec}); v != nil {
		v.Message = fmt.Sprintf("schedule %q: %s", sc.Name, v.Message)
		return v
	}
	return nil
}

// maxScheduleName bounds a name, in bytes; maxCronLine a cron line.
const (
	maxScheduleName = 100
	maxCronLine     = 1000
)

func checkDefinition(sc *wire.Schedule) error {
	switch {
	case sc.Name == "" || len(sc.Name) > maxScheduleName:
		return fmt.Errorf("a name of 1 to %d bytes is needed", maxScheduleName)
	case (sc.Cron == "") == (sc.Event == ""):
		return fmt.Errorf("either a cron line or an event is needed")
	case len(sc.Cron)+len(sc.Zone) > maxCronLine:
		return fmt.Errorf("a cron line of %d bytes: at most %d are taken", len(sc.Cron)+len(sc.Zone), maxCronLine)
	case sc.Event != "" && !slices.Contains(ScheduleEvents(), sc.Event):
		return fmt.Errorf("no event %q stands in the log: there is %s", sc.Event, strings.Join(ScheduleEvents(), " and "))
	case sc.Overlap != OverlapSkip && sc.Overlap != OverlapQueue && sc.Overlap != OverlapAllow:
		return fmt.Errorf("overlap %q: there is skip, queue and allow", sc.Overlap)
	case sc.CatchUp != CatchUpSkip && sc.CatchUp != CatchUpOnce && sc.CatchUp != CatchUpAll:
		return fmt.Errorf("catch-up %q: there is skip, once and all", sc.CatchUp)
	case sc.Spec == nil:
		return fmt.Errorf("it says nothing to run")
	case sc.Spec.Key != "":
		return fmt.Errorf("a task with a key is made once, a schedule makes many")
	}
	return nil
}

func checkSchedule(sc *wire.Schedule) error {
	if err := checkDefinition(sc); err != nil {
		return fmt.Errorf("schedule %q: %w", sc.GetName(), err)
	}
	if sc.Order == 0 || len(sc.Task) != 0 && len(sc.Task) != len(core.TaskID{}) {
		return fmt.Errorf("schedule %q has the place %d and the last task %x", sc.Name, sc.Order, sc.Task)
	}
	return nil
}

// pauseSchedule keeps a schedule from making tasks, or lets it again. What was
// due in a pause is not made good.
func (s *State) pauseSchedule(o *Outcome, c *wire.PauseSchedule) {
	sc := s.knownSchedule(o, c.GetName())
	if sc == nil || sc.Paused == c.On {
		return
	}
	sc = proto.CloneOf(sc)
	sc.Paused, sc.LastNanos = c.On, max(sc.LastNanos, s.wall)
	s.keepSchedule(sc)
}

// fire makes the task that is due. A time that is due counts once: LastNanos only
// rises, so of two leaders that propose the same one, or one that does not know
// how far another came, only the first has it.
func (s *State) fire(o *Outcome, c *wire.Fire) {
	sc := s.knownSchedule(o, c.GetName())
	byHand := len(c.GetTask()) > 0
	switch {
	case sc == nil:
		return
	case byHand && s.repeated(o, c.Task):
		return
	case byHand && len(c.Task) != len(core.TaskID{}):
		o.Verdict = refuse(core.CodeBadInput, "a task ID of %d bytes", len(c.Task))
		return
	case !byHand && (c.Order != sc.Order || sc.Paused || sc.Event != "" || c.AtNanos <= sc.LastNanos):
		o.Verdict = refuse(core.CodeNo, "schedule %q has nothing due at %d any more", sc.Name, c.AtNanos)
		return
	}
	why := s.objection(sc)
	if why != "" && byHand {
		o.Verdict = refuse(core.CodeNo, "schedule %q: %s", sc.Name, why)
		return
	}
	targets, missing := s.split(sc.Spec)
	if o.Verdict = s.room(len(targets)); o.Verdict != nil {
		return // the leader tries again
	}
	id := c.Task
	sc = proto.CloneOf(sc)
	if !byHand {
		made := FiringID(sc.Name, sc.Order, c.AtNanos)
		id, sc.LastNanos = made[:], c.AtNanos
		sc.Skipped += c.Passed
	}
	if s.lookup(id) != nil {
		why = "somebody has submitted a task under the ID of its own"
	}
	if why != "" {
		s.skip(o, sc, why)
		return
	}
	t := &wire.Task{Id: id, Spec: scheduledSpec(sc, c.AtNanos/1e9), Schedule: sc.Name, DueNanos: c.AtNanos}
	s.fired(o, sc, t)
	s.create(o, t, targets, missing)
}

// skip notes that a schedule was due and made no task.
func (s *State) skip(o *Outcome, sc *wire.Schedule, why string) {
	sc.Skipped++
	s.keepSchedule(sc)
	o.Events = append(o.Events, Event{"schedule-skipped", sc.Name, why})
}

// repeated says that a user's wish is in the log already.
func (s *State) repeated(o *Outcome, task []byte) bool {
	e := s.lookup(task)
	if e != nil {
		o.Task = e.record()
	}
	return e != nil
}

// fired notes the last task of a schedule.
func (s *State) fired(o *Outcome, sc *wire.Schedule, t *wire.Task) {
	sc.Task, sc.FiredNanos = t.Id, s.wall
	sc.Fired++
	s.keepSchedule(sc)
	o.Events = append(o.Events, Event{"schedule-fired", sc.Name, core.TaskID(t.Id).String()})
}

// objection is what keeps a schedule from making a task now.
func (s *State) objection(sc *wire.Schedule) string {
	if last := s.lookup(sc.Task); last != nil && !IsFinal(last.status()) && sc.Overlap == OverlapSkip {
		return fmt.Sprintf("its last task, %v, is %s", core.TaskID(sc.Task), last.status())
	}
	if sc.Spec.NoQueue && !s.reachable(sc.Spec) {
		return "no member that may run it is up, and it is not to wait for one"
	}
	return ""
}

// scheduledSpec is the content of a task that a schedule makes, which is told by
// which schedule, and for which time in Unix seconds, 0 for none.
func scheduledSpec(sc *wire.Schedule, at int64, env ...string) *wire.Spec {
	spec := proto.CloneOf(sc.Spec)
	spec.Env = append(spec.Env, EnvSchedule+"="+sc.Name)
	if at != 0 {
		spec.Env = append(spec.Env, fmt.Sprintf("%s=%d", EnvScheduledTime, at))
	}
	spec.Env = append(spec.Env, env...)
	if sc.Overlap == OverlapQueue && spec.Exclusive == "" {
		spec.Exclusive = "schedule/" + sc.Name
	}
	return spec
}

// FiringID is the ID of the task that a schedule makes for a time (Unix
// nanoseconds): the same wherever and however often one asks.
func FiringID(name string, order uint64, at int64) core.TaskID {
	return scheduledID(at/1e6, fmt.Sprintf("%s\x00%d\x00%d", name, order, at))
}

func scheduledID(millis int64, what string) core.TaskID {
	sum := sha256.Sum256([]byte(what))
	return core.MintTaskID(millis, [10]byte(sum[:10]))
}

// answerEvents makes the tasks of the schedules that wait for what a command has
// brought about. Nobody proposes them: the event itself is in the log.
func (s *State) answerEvents(o *Outcome) {
	made := uint64(0)
	for _, ev := range o.Events {
		if !slices.Contains(ScheduleEvents(), ev.Kind) {
			continue
		}
		for _, sc := range s.Schedules() {
			if sc.Event == ev.Kind && !sc.Paused {
				made++
				s.answerEvent(o, proto.CloneOf(sc), ev, made)
			}
		}
	}
}

// madeByEvent in the cause of a task tells it from those that a failure made.
const madeByEvent = 1 << 63

func (s *State) answerEvent(o *Outcome, sc *wire.Schedule, ev Event, n uint64) {
	targets, missing := s.split(sc.Spec)
	why := s.objection(sc)
	if v := s.room(len(targets)); v != nil {
		why = v.Message
	}
	if why != "" {
		s.skip(o, sc, why)
		return
	}
	id := scheduledID(s.wall/1e6, fmt.Sprintf("%s\x00%d\x00%d\x00%d", sc.Name, sc.Order, o.Fence, n))
	spec := scheduledSpec(sc, 0, EnvEventKind+"="+ev.Kind, EnvEventSubject+"="+ev.Subject, EnvEventDetail+"="+ev.Detail)
	t := &wire.Task{Id: id[:], Spec: spec, Schedule: sc.Name, Cause: madeByEvent + n}
	s.fired(o, sc, t)
	before := o.Task
	s.create(o, t, targets, missing)
	o.Task, o.Also = before, append(o.Also, o.Task)
}
