package commands

import (
	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// schedules answers from a ledger of the fake's own.
func (f *fake) schedules(q node.ListSchedules) any {
	if f.book == nil {
		f.book = ledger.New(core.ClusterID{0xab}, "lab")
	}
	if q.Name == "" {
		return node.SchedulesView{Schedules: f.book.Schedules()}
	}
	sc, ok := f.book.Schedule(q.Name)
	if !ok {
		return core.Faultf(core.CodeUnheard, "schedule %q: never heard of it", q.Name)
	}
	return node.SchedulesView{Schedules: []*wire.Schedule{sc}}
}

func (f *fake) changeSchedule(q node.ChangeSchedule) any {
	if spec := q.Command.GetSetSchedule().GetSchedule().GetSpec(); spec != nil && len(spec.Argv) == 0 {
		return core.Faultf(core.CodeUnheard, "no member defines a task named %q", spec.Name)
	}
	if f.book == nil {
		f.book = ledger.New(core.ClusterID{0xab}, "lab")
	}
	o := f.book.Apply(f.book.Applied()+1, &wire.Entry{WallNanos: instant, Commands: []*wire.Command{q.Command}})[0]
	switch {
	case o.Verdict != nil:
		return o.Fault()
	case o.Task != nil:
		return node.Submitted{Task: core.TaskID(o.Task.Id), Index: f.book.Applied()}
	}
	return nil
}
