package node

import (
	"fmt"
	"time"

	"hb/core"
	"hb/core/timetable"
	"hb/core/wire"
)

// setClock takes the driver's word for the wall clock.
func (n *Node) setClock(offset time.Duration) {
	n.clock = offset
	n.timetables.do(n.now, timetable.Clock{Offset: offset})
}

// carryTimetable carries out one effect of the timetable.
func (n *Node) carryTimetable(f timetable.Effect) {
	if f.Note != "" {
		n.log(true, f.Note)
	}
	if f.Propose != nil && n.leading {
		n.enqueue(f.Propose)
	}
}

// isScheduling says whether a command may change what is due.
func isScheduling(c *wire.Command) bool {
	return c.GetSetSchedule() != nil || c.GetDropSchedule() != nil || c.GetPauseSchedule() != nil || c.GetFire() != nil
}

// scheduleText says in words what a command does about a schedule.
func scheduleText(c *wire.Command) string {
	switch b := c.Body.(type) {
	case *wire.Command_SetSchedule:
		sc := b.SetSchedule.GetSchedule()
		return fmt.Sprintf("schedule %s: %s%s", sc.GetName(), sc.GetCron(), sc.GetEvent())
	case *wire.Command_DropSchedule:
		return fmt.Sprintf("schedule %s: remove", b.DropSchedule.Name)
	case *wire.Command_PauseSchedule:
		if b.PauseSchedule.On {
			return fmt.Sprintf("schedule %s: pause", b.PauseSchedule.Name)
		}
		return fmt.Sprintf("schedule %s: resume", b.PauseSchedule.Name)
	case *wire.Command_Fire:
		if len(b.Fire.Task) > 0 {
			return fmt.Sprintf("schedule %s: run now as %s", b.Fire.Name, taskText(b.Fire.Task))
		}
		return fmt.Sprintf("schedule %s: due at %d", b.Fire.Name, b.Fire.AtNanos/1e9)
	}
	return ""
}

// listSchedules answers with all, or with one.
func (n *Node) listSchedules(id uint64, q ListSchedules) {
	if q.Name == "" {
		n.reply(id, SchedulesView{Schedules: n.ledger.Schedules()}, true)
		return
	}
	n.readIndex(true, func(res readResult) {
		sc, known := n.ledger.Schedule(q.Name)
		switch {
		case !res.ok:
			n.reply(id, n.noQuorum(), true)
		case !known:
			n.reply(id, core.Faultf(core.CodeUnheard, "schedule %q: never heard of it", q.Name).WithHint("hb schedule list lists them"), true)
		default:
			n.reply(id, SchedulesView{Schedules: []*wire.Schedule{sc}}, true)
		}
	})
}

// changeSchedule puts a command in the log.
func (n *Node) changeSchedule(id uint64, q ChangeSchedule) {
	if err := wire.CheckText(q.Command); err != nil || !isScheduling(q.Command) {
		n.reply(id, core.Faultf(core.CodeBadInput, "the schedule's %v", err), true)
		return
	}
	if set := q.Command.GetSetSchedule(); set.GetSchedule().GetSpec() != nil {
		n.runnable(id, set.Schedule.Spec, func(spec *wire.Spec) {
			set.Schedule.Spec = spec
			n.proposeSchedule(id, q)
		})
		return
	}
	n.proposeSchedule(id, q)
}

func (n *Node) proposeSchedule(id uint64, q ChangeSchedule) {
	n.propose(q.Command, func(a answer) {
		switch f := answerFault(a); {
		case f != nil:
			n.reply(id, f, true)
		case len(a.task) == len(core.TaskID{}):
			n.reply(id, Submitted{Task: core.TaskID(a.task), Index: a.fence.Index(), Node: a.node, Name: n.nameOf(a.node)}, true)
		default:
			n.reply(id, nil, true)
		}
	})
}
