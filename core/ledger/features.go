package ledger

import (
	"math"

	"google.golang.org/protobuf/reflect/protoreflect"

	"hb/core"
	"hb/core/wire"
)

// Features is the feature level of the cluster: what is of a higher one must
// not be proposed.
func (s *State) Features() core.Features { return s.features }

// Attainable is the highest level that every member can carry out, and who
// stands in the way of a higher one; 0 and nobody while there is none. Members
// that are down count, too: it may be their restart, and they must be able to
// come back. Whoever will not is to be forgotten.
func (s *State) Attainable() (level core.Features, holding []*wire.Agreed) {
	least := uint32(math.MaxUint32)
	for _, m := range s.Members() {
		if m.State == Left || m.Row.Features > least {
			continue
		}
		if m.Row.Features < least {
			least, holding = m.Row.Features, nil
		}
		holding = append(holding, m)
	}
	if len(holding) == 0 {
		return 0, nil
	}
	return core.Features(min(least, math.MaxUint16)), holding
}

// raiseFeatures lifts the level, if everybody can follow.
func (s *State) raiseFeatures(o *Outcome, c *wire.RaiseFeatures) {
	level, holding := s.Attainable()
	switch {
	case c.GetTo() <= uint32(s.features):
	case len(holding) == 0:
		o.Verdict = refuse(core.CodeBadInput, "feature level %d: there is no member", c.To)
	case c.To > uint32(level):
		o.Verdict = refuse(core.CodeBadInput, "feature level %d: member %s knows %d", c.To, holding[0].Row.Name, level)
	default:
		s.features = core.Features(c.To)
	}
}

// Understood says whether this version of the program knows all that an entry
// says. A node must stop at one that it does not know: to skip a command, or a
// field of one, would make its ledger differ from the others.
func Understood(e *wire.Entry) error {
	for i, c := range e.GetCommands() {
		if strange(c.ProtoReflect()) {
			return core.Faultf(core.CodeConfig, "command %d of a log entry says more than this version of hb knows", i).
				WithHint("the cluster runs a newer hb: install the same here")
		}
	}
	return nil
}

// strange says whether there are unknown fields in a message or within it.
func strange(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	found := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				found = found || strange(v.List().Get(i).Message())
			}
		default:
			found = strange(v.Message())
		}
		return !found
	})
	return found
}
