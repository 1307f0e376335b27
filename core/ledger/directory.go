package ledger

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// memberUp takes rows into the directory. A row of an older instance than the
// directory knows is stale, as is one of an instance that left: neither changes
// anything. The verdict names the first row that was refused.
func (s *State) memberUp(o *Outcome, c *wire.MemberUp) {
	for _, row := range c.GetRows() {
		if v := s.judgeRow(row); v != nil {
			if o.Verdict == nil {
				o.Verdict = v
			}
			continue
		}
		s.rowUp(o, row)
	}
}

func (s *State) judgeRow(row *wire.Row) *wire.Verdict {
	if row.GetId() == 0 || row.GetName() == "" {
		return refuse(core.CodeBadInput, "a member without an ID or a name")
	}
	if t, was := s.buried(row); was {
		return refuse(core.CodeBadInput, "member %v (%s) was forgotten in entry %d: its IDs are void", core.NodeID(t.Node), t.Name, t.Index)
	}
	if v := s.admitted(row); v != nil {
		return v
	}
	if core.Features(row.Features) < s.features {
		return refuse(core.CodeBadInput, "member %s knows feature level %d, the log is at %d", row.Name, row.Features, s.features)
	}
	if holder, taken := s.names[row.Name]; taken && holder != core.NodeID(row.Id) {
		return refuse(core.CodeBadInput, "the name %s is taken by member %v", row.Name, holder)
	}
	return nil
}

func (s *State) rowUp(o *Outcome, row *wire.Row) {
	id := core.NodeID(row.Id)
	lasting := lastingRow(row)
	old, known := s.members[id]
	switch {
	case !known:
	case row.Instance < old.Row.Instance, row.Instance == old.Row.Instance && old.State == Left:
		return
	case old.State == Up && proto.Equal(old.Row, lasting):
		return
	}
	m := &wire.Agreed{Row: lasting, State: Up, SinceNanos: s.wall, Index: s.applied}
	if known && old.State != Left {
		m.Drained, m.Evict, m.Vote, m.Offer = old.Drained, old.Evict, old.Vote, old.Offer
	}
	if known && old.State == Up && old.Row.Instance == row.Instance {
		m.SinceNanos = old.SinceNanos // a new address or tag: it was up all the time
		s.setMember(m)
		o.Members = append(o.Members, m)
		return
	}
	s.setMember(m)
	o.Members = append(o.Members, m)
	o.Events = append(o.Events, Event{"agreed-up", row.Name, fmt.Sprintf("instance %d at %s", row.Instance, row.Addr)})
}

// lastingRow is what the log keeps of a row. The rest is the detector's: it
// changes with the weather.
func lastingRow(row *wire.Row) *wire.Row {
	return &wire.Row{
		Id: row.Id, Name: row.Name, Addr: row.Addr, Instance: row.Instance,
		Version: row.Version, Features: row.Features, Tags: row.Tags, Raft: row.Raft,
	}
}

// memberDown marks members down, or left if that is the reason. Each counts
// only if the directory still knows the instance that the evidence is about.
func (s *State) memberDown(o *Outcome, c *wire.MemberDown) {
	if len(c.GetIds()) != len(c.GetInstances()) {
		o.Verdict = refuse(core.CodeBadInput, "%d members down with %d instances", len(c.GetIds()), len(c.GetInstances()))
		return
	}
	state := Down
	if c.Reason == Left {
		state = Left
	}
	for i, id := range c.Ids {
		old, known := s.members[core.NodeID(id)]
		if !known || old.Row.Instance != c.Instances[i] || old.State == Left || old.State == state {
			continue
		}
		m := &wire.Agreed{Row: old.Row, State: state, Reason: c.Reason, SinceNanos: s.wall, Index: s.applied}
		if state != Left {
			m.Drained, m.Evict, m.Vote, m.Offer = old.Drained, old.Evict, old.Vote, old.Offer
		}
		s.setMember(m)
		o.Members = append(o.Members, m)
		o.Events = append(o.Events, Event{"agreed-down", old.Row.Name, c.Reason})
		s.targetGone(o, core.NodeID(id), state)
		if state == Left {
			delete(s.admission.credentials, core.NodeID(id))
		}
		if c.Reason != Restart { // then its clients come back
			s.endWaiting(o, core.NodeID(id))
		}
	}
	if state == Left {
		s.forgetLeft()
	}
}

// drain keeps new work from a member, or lets it come again. The wish lasts over
// restarts of the member, until it leaves. To end what runs there, too, is
// refused without a drain, for the member would get it back.
func (s *State) drain(o *Outcome, c *wire.Drain) {
	old, known := s.members[core.NodeID(c.GetNode())]
	switch {
	case !known || old.State == Left:
		o.Verdict = refuse(core.CodeUnheard, "no member %v is in the directory", core.NodeID(c.GetNode()))
		return
	case c.Evict && !c.On:
		o.Verdict = refuse(core.CodeBadInput, "member %s: what runs there can be ended only while it is drained", old.Row.Name)
		return
	case old.Drained == c.On && old.Evict == c.Evict:
		return
	}
	m := &wire.Agreed{
		Row: old.Row, State: old.State, Reason: old.Reason, SinceNanos: old.SinceNanos, Index: s.applied,
		Drained: c.On, Evict: c.Evict, Offer: old.Offer,
	}
	if s.features >= core.FeaturesWishLasts {
		m.Vote = old.Vote
	}
	s.setMember(m)
	o.Members = append(o.Members, m)
}

// setMember puts a row into the directory.
func (s *State) setMember(m *wire.Agreed) {
	id := core.NodeID(m.Row.Id)
	old, known := s.members[id]
	if !known {
		at, _ := slices.BinarySearch(s.ids, id)
		s.ids = slices.Insert(s.ids, at, id)
	} else if old.State == Up {
		delete(s.names, old.Row.Name)
	}
	if m.State == Up {
		s.names[m.Row.Name] = id
	}
	s.members[id] = m
}

// forgetLeft drops the rows of members that left longest ago, above the bound.
func (s *State) forgetLeft() {
	var left []*wire.Agreed
	for _, id := range s.ids {
		if m := s.members[id]; m.State == Left {
			left = append(left, m)
		}
	}
	if len(left) <= s.bounds.left {
		return
	}
	slices.SortStableFunc(left, func(a, b *wire.Agreed) int { return int(int64(a.Index - b.Index)) })
	for _, m := range left[:len(left)-s.bounds.left] {
		id := core.NodeID(m.Row.Id)
		at, _ := slices.BinarySearch(s.ids, id)
		s.ids = slices.Delete(s.ids, at, at+1)
		delete(s.members, id)
	}
}

// nameOf is how people call a member, or its ID once its row is gone.
func (s *State) nameOf(id core.NodeID) string {
	if m, ok := s.members[id]; ok {
		return m.Row.Name
	}
	return id.String()
}
