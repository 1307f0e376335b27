package ledger

import (
	"math"
	"strings"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// judgeSpec says what keeps a submit from making sense by itself.
func (s *State) judgeSpec(c *wire.Submit) *wire.Verdict {
	spec := c.GetSpec()
	switch size := proto.Size(spec); {
	case len(c.GetTask()) != len(core.TaskID{}) || core.TaskID(c.Task).IsZero():
		return refuse(core.CodeBadInput, "a task ID of %d bytes: %d that are not all zero are needed", len(c.GetTask()), len(core.TaskID{}))
	case !s.isNamed(spec) && (len(spec.GetArgv()) == 0 || spec.Argv[0] == ""):
		return refuse(core.CodeBadInput, "a task without a command")
	case len(spec.Argv) > 0 && len(spec.Args) > 0:
		return refuse(core.CodeBadInput, "a command and the arguments of a task: one of both is meant")
	case size > MaxSpecBytes:
		return refuse(core.CodeBadInput, "the task takes %d bytes: at most %d are taken", size, MaxSpecBytes)
	case spec.TimeLimitNanos < 0:
		return refuse(core.CodeBadInput, "a time limit below zero")
	case spec.Weight < 0 || math.IsNaN(spec.Weight) || math.IsInf(spec.Weight, 0):
		return refuse(core.CodeBadInput, "weight %v: a number of zero or more is needed", spec.Weight)
	case spec.Array > MaxElements:
		return refuse(core.CodeBadInput, "%d elements: at most %d are taken", spec.Array, MaxElements)
	case spec.Array > 0 && spec.All:
		return refuse(core.CodeBadInput, "an array on all members: one of both is meant")
	case spec.All && spec.On != "":
		return refuse(core.CodeBadInput, "on all members and on %s: one of both is meant", spec.On)
	case spec.MaxFailures < -1:
		return refuse(core.CodeBadInput, "at most %d failures: -1 is any number", spec.MaxFailures)
	case len(spec.Exclusive) > MaxKeyBytes:
		return refuse(core.CodeBadInput, "an exclusive key of %d bytes: at most %d are taken", len(spec.Exclusive), MaxKeyBytes)
	case spec.KeepNanos < 0:
		return refuse(core.CodeBadInput, "a record that is kept for less than no time")
	case spec.Priority < -1 || spec.Priority > 1:
		return refuse(core.CodeBadInput, "priority %d: -1, 0 or 1 is needed", spec.Priority)
	case spec.Prefer != "" && spec.Prefer != PreferIdle:
		return refuse(core.CodeBadInput, "prefer %q: there is only %s", spec.Prefer, PreferIdle)
	case spec.Once && spec.Retries > 0:
		v := refuse(core.CodeBadInput, "a task that runs at most once cannot have %d retries", spec.Retries)
		v.Hint = "--on and --all imply --once; --rerun lifts that"
		return v
	}
	for _, w := range spec.Where {
		if _, _, _, ok := ParseWhere(w); !ok {
			return refuse(core.CodeBadInput, "where %q: TAG=VALUE or TAG!=VALUE is needed", w)
		}
	}
	for _, kv := range spec.Env {
		if name, _, ok := strings.Cut(kv, "="); !ok || name == "" {
			return refuse(core.CodeBadInput, "environment %q: NAME=VALUE is needed", kv)
		}
	}
	return nil
}

// PreferIdle, as Spec.Prefer, asks for the least stressed member.
const PreferIdle = "idle"

// OnLeader, as Spec.On, is whoever leads.
const OnLeader = "@leader"

// reachable says whether a member that may run a task is up, so that it could
// be granted without waiting for one to come back.
func (s *State) reachable(spec *wire.Spec) bool {
	if spec.On == OnLeader && len(spec.Where) == 0 {
		return true // it wrote this entry
	}
	for _, id := range s.ids {
		if m := s.members[id]; m.State == Up && mayRun(spec, m) {
			return true
		}
	}
	return false
}

// mayRun says whether --on, --where, a drain and what it offers let a member run a
// task.
func mayRun(spec *wire.Spec, m *wire.Agreed) bool {
	named := spec.On == m.Row.Name || spec.On == core.NodeID(m.Row.Id).String()
	if spec.On != "" && spec.On != OnLeader && !named || m.Drained && !named {
		return false
	}
	return tagsFit(spec.Where, m.Row.Tags) && Unfit(spec, m.Offer) == ""
}

func tagsFit(where []string, tags map[string]string) bool {
	for _, w := range where {
		if tag, value, differs, _ := ParseWhere(w); (tags[tag] == value) == differs {
			return false
		}
	}
	return true
}

// ParseWhere reads one condition of Spec.Where: TAG=VALUE, or TAG!=VALUE
// (differs). A member without the tag has the empty value.
func ParseWhere(s string) (tag, value string, differs, ok bool) {
	tag, value, ok = strings.Cut(s, "=")
	tag, differs = strings.CutSuffix(tag, "!")
	return tag, value, differs, ok && tag != ""
}
