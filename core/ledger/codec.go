package ledger

import (
	"fmt"
	"math"
	"slices"

	"hb/core"
	"hb/core/wire"
)

// Format is the version of the encoded ledger.
const Format = 1

// Version is the ledger as of one moment. Nothing that is applied later changes
// it, so that others may take their time with it.
type Version struct {
	cluster       core.ClusterID
	name          string
	epoch         core.Epoch
	applied       uint64
	wall, expired int64
	features      core.Features
	voters        uint32
	members       []*wire.Agreed
	tombstones    []*wire.Tombstone
	schedules     []*wire.Schedule
	authority     []byte
	tokens        []*wire.JoinToken
	credentials   []*wire.Credential
	tasks         []*wire.Task
}

// Version takes what the ledger is now. It copies pointers, and no record: a
// millisecond for as many as there may be.
func (s *State) Version() *Version {
	return &Version{
		cluster: s.cluster, name: s.name, epoch: s.epoch, applied: s.applied, wall: s.wall, expired: s.expired,
		features: s.features, voters: s.voters, members: s.Members(), tombstones: slices.Clone(s.tombstones),
		schedules: s.Schedules(), tasks: s.Tasks(),
		authority: s.Authority(), tokens: s.Tokens(), credentials: s.Credentials(),
	}
}

// Encode gives the version as bytes (wire.Ledger): equal states, equal bytes. It
// may be called while the ledger goes on.
func (v *Version) Encode() []byte {
	return wire.Marshal(&wire.Ledger{
		Format: Format, Cluster: v.cluster[:], ClusterName: v.name, Members: v.members, Tasks: bare(v.tasks),
		Applied: v.applied, WallNanos: v.wall, ExpiredMillis: v.expired, Voters: v.voters,
		Tombstones: v.tombstones, Epoch: uint64(v.epoch), Features: uint32(v.features), Schedules: v.schedules,
		Authority: v.authority, Tokens: v.tokens, Credentials: v.credentials,
	})
}

// Encode is Version and its Encode.
func (s *State) Encode() []byte { return s.Version().Encode() }

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
	out := slices.Clone(tasks)
	for i, t := range out {
		if t.N > 0 {
			out[i] = revise(t)
			out[i].Spec = nil
		}
	}
	return out
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
	if err := s.loadAdmission(l); err != nil {
		return err
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
		if t.N == 0 {
			t.Spec = s.specs.of(t.Spec)
		}
		order, finals[endPlace(t)] = submitPlace(t), true
		s.tasks.add(t)
	}
	return Check(s)
}
