package ledger

import (
	"strings"

	"hb/core"
	"hb/core/wire"
)

// followUp is the number by which the task that a failure makes is told from
// the elements of the failed one; no task has so many.
const followUp = 1<<32 - 1

// FollowUpID is the ID of the task that is made when this one fails.
func FollowUpID(id core.TaskID) core.TaskID { return ElementID(id, followUp) }

// afterFailure makes the task that is to run because another failed. It is no
// submit of anybody's: nobody else can make a task with its ID, and the failed
// one ends once, so it is made once. Its command is told what failed, and how.
func (s *State) afterFailure(o *Outcome, t *wire.Task) {
	command := t.Spec.OnFailure
	if command == "" || t.N > 0 || t.Status == Succeeded || t.Status == Cancelled {
		return
	}
	id := FollowUpID(core.TaskID(t.Id))
	if s.tasks.find(id) != nil {
		return
	}
	made := &wire.Task{
		Id: id[:], Status: Queued, Index: o.Fence.Index(), Order: uint64(o.Fence), Cause: t.Order, SubmittedNanos: s.wall,
		Spec: &wire.Spec{
			Name: command[strings.LastIndexByte(command, '/')+1:],
			Argv: []string{command, t.Spec.Name, t.Status, core.TaskID(t.Id).String()},
			Env:  []string{EnvFailedTask + "=" + core.TaskID(t.Id).String(), EnvFailedName + "=" + t.Spec.Name, EnvFailedStatus + "=" + t.Status},
		},
	}
	if s.features >= core.FeaturesNamedTasks && s.defines(command) {
		made.Spec.Name, made.Spec.Args, made.Spec.Argv = command, made.Spec.Argv[1:], nil
	}
	s.tasks.add(made)
	o.Also = append(o.Also, made)
	o.Events = append(o.Events, Event{"task-submitted", id.String(), made.Spec.Name + ", because " + Name(t) + " is " + t.Status})
}
