package ledger

import (
	"fmt"
	"math"

	"hb/core"
	"hb/core/wire"
)

// Format is the version of the encoded ledger.
const Format = 1

// Encode gives the ledger as bytes (wire.Ledger): equal states, equal bytes.
func (s *State) Encode() []byte {
	return wire.Marshal(&wire.Ledger{
		Format: Format, Cluster: s.cluster[:], ClusterName: s.name,
		Members: s.Members(), Tasks: bare(s.Tasks()),
		Applied: s.applied, WallNanos: s.wall, ExpiredMillis: s.expired,
		Voters: s.voters, Tombstones: s.tombstones, Epoch: uint64(s.epoch), Features: uint32(s.features), Schedules: s.schedules,
	})
}

// Decode reads what Encode wrote. Bytes of a newer format, or that contradict
// themselves, are an error.
func Decode(b []byte) (*State, error) {
	var l wire.Ledger
	if err := wire.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	switch {
	case l.Format != Format:
		return nil, fmt.Errorf("ledger: format %d, here is %d: %w", l.Format, Format, wire.ErrVersion)
	case len(l.Cluster) != len(core.ClusterID{}):
		return nil, fmt.Errorf("ledger: a cluster ID of %d bytes: %w", len(l.Cluster), wire.ErrMalformed)
	}
	s := New(core.ClusterID(l.Cluster), l.ClusterName)
	s.applied, s.wall, s.expired, s.voters, s.epoch = l.Applied, l.WallNanos, l.ExpiredMillis, l.Voters, core.Epoch(l.Epoch)
	if err := s.load(&l); err != nil {
		return nil, fmt.Errorf("ledger: %w: %w", wire.ErrMalformed, err)
	}
	return s, nil
}

// bare leaves out of elements the spec that they share with their parent.
func bare(tasks []*wire.Task) []*wire.Task {
	for i, t := range tasks {
		if t.N > 0 {
			tasks[i] = revise(t)
			tasks[i].Spec = nil
		}
	}
	return tasks
}

// load fills the indexes. Everything that they rely on is checked before.
func (s *State) load(l *wire.Ledger) error {
	for _, m := range l.Members {
		if err := checkMember(m); err != nil {
			return err
		}
		if _, twice := s.members[core.NodeID(m.Row.Id)]; twice {
			return fmt.Errorf("member %v is there twice", core.NodeID(m.Row.Id))
		}
		if holder, taken := s.names[m.Row.Name]; taken && m.State == Up {
			return fmt.Errorf("members %v and %v have one name", holder, core.NodeID(m.Row.Id))
		}
		s.setMember(m)
	}
	if l.Features > math.MaxUint16 {
		return fmt.Errorf("feature level %d", l.Features)
	}
	s.features = core.Features(l.Features)
	if l.Voters != 0 && !ValidVoters(l.Voters) {
		return fmt.Errorf("%d voters", l.Voters)
	}
	for _, t := range l.Tombstones {
		if _, twice := s.graves[core.NodeID(t.Node)]; twice || t.Node == 0 {
			return fmt.Errorf("member %v is forgotten twice", core.NodeID(t.Node))
		}
		s.bury(t)
	}
	for _, sc := range l.Schedules {
		if err := checkSchedule(sc); err != nil {
			return err
		}
		if _, twice := s.Schedule(sc.Name); twice {
			return fmt.Errorf("schedule %q is there twice", sc.Name)
		}
		s.keepSchedule(sc)
	}
	var order place
	finals := map[place]bool{}
	for _, t := range l.Tasks {
		if parent := s.lookup(t.Parent); t.N > 0 && parent != nil && isParent(parent.task) && parent.task.Order == t.Order {
			t.Spec = parent.task.Spec
		} else if t.N > 0 {
			return fmt.Errorf("task %x is an element of nothing", t.Id)
		}
		if err := checkTask(t); err != nil {
			return err
		}
		id := core.TaskID(t.Id)
		_, twice := s.tasks.byID[id]
		_, taken := s.tasks.keys[t.Spec.Key]
		open := OpenAttempt(t)
		switch {
		case twice:
			return fmt.Errorf("task %v is there twice", id)
		case t.N > 0 && id != ElementID(core.TaskID(t.Parent), t.N):
			return fmt.Errorf("task %v is not element %d of its parent", id, t.N)
		case submitPlace(t).compare(order) <= 0:
			return fmt.Errorf("task %v is out of order", id)
		case taken && t.Spec.Key != "" && t.N == 0:
			return fmt.Errorf("task %v: its key is another's", id)
		case t.Final != 0 && finals[endPlace(t)]:
			return fmt.Errorf("task %v ended with another's final record", id)
		case open != nil && t.Spec.Exclusive != "" && s.tasks.holders[t.Spec.Exclusive] != nil:
			return fmt.Errorf("task %v holds %q with another", id, t.Spec.Exclusive)
		case open != nil && s.tasks.granted[core.Fence(open.Fence)] != nil:
			return fmt.Errorf("task %v has the open grant of another", id)
		}
		order, finals[endPlace(t)] = submitPlace(t), true
		s.tasks.add(t)
	}
	return Check(s)
}
