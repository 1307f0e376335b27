package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// The bounds of what a member may say that it runs.
const (
	MaxDefinitions = 1000
	MaxOfferBytes  = 64 << 10
)

// offer takes in what a member runs. Only the member itself can say it. It lasts
// until it says otherwise, or leaves.
func (s *State) offer(o *Outcome, c *wire.Offer) {
	old, known := s.members[core.NodeID(c.GetNode())]
	nameless := func(d *wire.Definition) bool { return d.GetName() == "" }
	switch {
	case !known || old.State == Left:
		o.Verdict = refuse(core.CodeUnheard, "no member %v is in the directory", core.NodeID(c.GetNode()))
		return
	case o.Command.Proposer != c.Node:
		o.Verdict = refuse(core.CodeDenied, "what %s runs, only %s can say", old.Row.Name, old.Row.Name)
		return
	case len(c.Tasks) > MaxDefinitions || proto.Size(c) > MaxOfferBytes:
		o.Verdict = refuse(core.CodeBadInput, "%d definitions of %d bytes: at most %d of %d are taken", len(c.Tasks), proto.Size(c), MaxDefinitions, MaxOfferBytes)
		return
	case slices.ContainsFunc(c.Tasks, nameless):
		o.Verdict = refuse(core.CodeBadInput, "a definition without a name")
		return
	case SameOffer(old.Offer, s.Offerable(c)):
		return
	}
	m := proto.CloneOf(old)
	m.Offer = s.Offerable(c)
	m.Offer.Node = 0
	s.setMember(m)
	o.Members = append(o.Members, m)
}

// Offerable is what the log takes of an offer: what a member cannot run only once
// all members know of such.
func (s *State) Offerable(o *wire.Offer) *wire.Offer {
	taken := &wire.Offer{Node: o.GetNode(), Free: free(o), Tasks: o.GetTasks()}
	if s.features >= core.FeaturesUnable {
		taken.Unable = o.GetUnable()
	}
	return taken
}

// SameOffer says whether two members run the same; nil is one that never said.
func SameOffer(a, b *wire.Offer) bool {
	return free(a) == free(b) &&
		slices.EqualFunc(a.GetTasks(), b.GetTasks(), func(x, y *wire.Definition) bool { return proto.Equal(x, y) }) &&
		slices.EqualFunc(a.GetUnable(), b.GetUnable(), func(x, y *wire.Unable) bool { return proto.Equal(x, y) })
}

func free(o *wire.Offer) bool { return o == nil || o.Free }

// Unfit says what keeps a spec from running where that is offered; empty for
// nothing. Whatever is said here, the member itself decides when it begins.
func Unfit(spec *wire.Spec, o *wire.Offer) string {
	why, _ := unfit(spec, o)
	return why
}

// How near a member is to running a spec that it does not run.
const (
	foreign   = iota // it is not meant to
	narrow           // it runs the task, otherwise
	incapable        // it is meant to, and cannot
)

// unfit says why a spec does not run where that is offered, and how near it is.
func unfit(spec *wire.Spec, o *wire.Offer) (why string, near int) {
	named := len(spec.GetArgv()) == 0
	for _, u := range o.GetUnable() {
		if !named && u.Free || named && slices.Contains(u.Tasks, spec.GetName()) {
			return u.Why, incapable
		}
	}
	if !named {
		if free(o) {
			return "", 0
		}
		return "runs no free commands", foreign
	}
	for _, d := range o.GetTasks() {
		switch {
		case d.Name != spec.GetName():
		case d.Args:
			return "", 0
		case len(spec.GetArgs()) > 0:
			return fmt.Sprintf("takes no arguments for %s", d.Name), narrow
		case len(spec.GetStdin()) > 0:
			return fmt.Sprintf("takes no input for %s", d.Name), narrow
		default:
			return "", 0
		}
	}
	return "does not define " + spec.GetName(), foreign
}

// Hopeless says why no member, up or down, could ever begin a task; nil: one may.
// Whatever tags it asks for is looked at elsewhere, unless members that have them
// are there.
func (s *State) Hopeless(spec *wire.Spec) *wire.Verdict {
	named := len(spec.GetArgv()) == 0
	switch {
	case !named:
	case s.features < core.FeaturesNamedTasks:
		v := refuse(core.CodeBusy, "not all members know tasks by name yet")
		v.Hint = "hb status says which run an older hb"
		return v
	case !s.defines(spec.Name):
		v := refuse(core.CodeUnheard, "no member defines a task named %q", spec.Name)
		v.Hint = fmt.Sprintf("hb tasks defined lists them; a command stands behind --: hb run -- %s", spec.Name)
		return v
	}
	objection, nearest := "", -1
	for _, id := range s.ids {
		m := s.members[id]
		named := spec.On == m.Row.Name || spec.On == id.String()
		if m.State == Left || spec.On != "" && spec.On != OnLeader && !named || !tagsFit(spec.Where, m.Row.Tags) {
			continue
		}
		why, near := unfit(spec, m.Offer)
		if why == "" {
			return nil
		}
		if near > nearest {
			objection, nearest = m.Row.Name+" "+why, near
		}
	}
	if objection == "" {
		return nil // nobody is there of whom it could be said
	}
	v := refuse(core.CodeDenied, "no member may run it: %s", objection)
	v.Hint = remedy(spec, nearest)
	return v
}

// remedy is what a member's hb.toml must say for a spec to be run there.
func remedy(spec *wire.Spec, near int) string {
	if near == incapable {
		return "a member looks again every few seconds: once that is mended it runs here; no reload is needed"
	}
	if len(spec.Argv) > 0 {
		words := make([]string, len(spec.Argv))
		for i, w := range spec.Argv {
			words[i] = strconv.Quote(w)
		}
		return fmt.Sprintf("in a member's hb.toml, under the [node] that is there: allow_exec = true; or for this alone: [tasks.NAME] command = [%s]", strings.Join(words, ", "))
	}
	if near == narrow {
		return fmt.Sprintf("in a member's hb.toml: [tasks.%s] args = true", spec.Name)
	}
	return fmt.Sprintf("in that member's hb.toml: [tasks.%s] command = [...]", spec.Name)
}

// RunsOnce says whether a member defines a task as one that must not be run a
// second time.
func (s *State) RunsOnce(spec *wire.Spec) bool {
	for _, id := range s.ids {
		for _, d := range s.members[id].Offer.GetTasks() {
			if len(spec.GetArgv()) == 0 && d.Name == spec.GetName() && d.Once {
				return true
			}
		}
	}
	return false
}

// isNamed says that a spec is for what a member defines, and not for a command.
func (s *State) isNamed(spec *wire.Spec) bool {
	return s.features >= core.FeaturesNamedTasks && spec.GetName() != "" && len(spec.GetArgv()) == 0
}

// defines says whether any member that may come back defines a task.
func (s *State) defines(name string) bool {
	for _, id := range s.ids {
		m := s.members[id]
		if m.State != Left && (slices.ContainsFunc(m.Offer.GetTasks(), func(d *wire.Definition) bool { return d.Name == name }) ||
			slices.ContainsFunc(m.Offer.GetUnable(), func(u *wire.Unable) bool { return slices.Contains(u.Tasks, name) })) {
			return true
		}
	}
	return false
}
