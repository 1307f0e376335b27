package ledger

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"hb/core"
	"hb/core/wire"
)

// Format is the version of the encoded ledger.
const Format = 1

// Version is the ledger as of one moment. Nothing that is applied later changes
// it, so that others may take their time with it; one at a time.
type Version struct {
	ledger *wire.Ledger // all but the tasks
	tasks  []kept

	// What is not packed already, encoded: all but the tasks, then the open ones
	// and where each ends.
	head, open []byte
	ends       []int
	sum        uint32 // of all bytes
}

// kept is one task of a version: open, or past with all its elements.
type kept struct {
	task *wire.Task
	past *past
}

// Version takes what the ledger is now. It copies pointers, and no record: a
// millisecond for as many as there may be.
func (s *State) Version() *Version {
	v := &Version{
		ledger: &wire.Ledger{
			Format: Format, Cluster: s.cluster[:], ClusterName: s.name, Members: s.Members(),
			Applied: s.applied, WallNanos: s.wall, ExpiredMillis: s.expired, Voters: s.voters,
			Tombstones: slices.Clone(s.tombstones), Epoch: uint64(s.epoch), Features: uint32(s.features),
			Schedules: s.Schedules(), Authority: s.Authority(), Tokens: s.Tokens(), Credentials: s.Credentials(),
			DatagramKeys: s.keys,
			Locks:        s.Locks(),
		},
		tasks: make([]kept, 0, s.tasks.all.len()),
	}
	for e := range s.tasks.all.each() {
		v.tasks = append(v.tasks, kept{e.task, e.past})
	}
	return v
}

// Encode readies a version for everything below, which does so by itself; it may
// take a while, and must not be called at the same time as the rest. The ledger
// may go on meanwhile.
func (v *Version) Encode() {
	if v.head != nil {
		return
	}
	v.head = wire.Marshal(v.ledger)
	for _, k := range v.tasks {
		if k.task != nil {
			v.open = appendTask(v.open, k.task)
			v.ends = append(v.ends, len(v.open))
		}
	}
	for b := range v.pieces() {
		v.sum = wire.AddChecksum(v.sum, b)
	}
}

// pieces are the bytes (wire.Ledger), in order: equal states, equal bytes. Of what
// has ended nothing is copied.
func (v *Version) pieces() iter.Seq[[]byte] {
	v.Encode()
	return func(yield func([]byte) bool) {
		if !yield(v.head) {
			return
		}
		from, open := 0, v.ends
		for _, k := range v.tasks {
			if k.past != nil {
				if !yield(k.past.packed) || len(k.past.block) > 0 && !yield(k.past.block) {
					return
				}
				continue
			}
			if !yield(v.open[from:open[0]]) {
				return
			}
			from, open = open[0], open[1:]
		}
	}
}

// Size is how many bytes there are.
func (v *Version) Size() (size int64) {
	for b := range v.pieces() {
		size += int64(len(b))
	}
	return size
}

// Sum is their wire.Checksum.
func (v *Version) Sum() uint32 {
	v.Encode()
	return v.sum
}

// WriteTo writes them.
func (v *Version) WriteTo(w io.Writer) (written int64, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	for b := range v.pieces() {
		n, err := out.Write(b)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, out.Flush()
}

// ReadAt reads a part of them, as an io.ReaderAt does.
func (v *Version) ReadAt(p []byte, off int64) (n int, err error) {
	for b := range v.pieces() {
		if off >= int64(len(b)) {
			off -= int64(len(b))
			continue
		}
		n += copy(p[n:], b[off:])
		if off = 0; n == len(p) {
			return n, nil
		}
	}
	return n, io.EOF
}

// Bytes are all of them in one piece.
func (v *Version) Bytes() []byte {
	b := bytes.NewBuffer(make([]byte, 0, v.Size()))
	v.WriteTo(b)
	return b.Bytes()
}

// Encode is the ledger as bytes, for Decode.
func (s *State) Encode() []byte { return s.Version().Bytes() }

// Decode reads what Encode wrote. Bytes of a newer format, or that contradict
// themselves, are an error.
func Decode(b []byte) (*State, error) {
	var l wire.Ledger
	head, tasks, err := parts(b)
	if err == nil {
		err = wire.UnmarshalLong(head, &l)
	}
	if err != nil {
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
	err = s.load(&l)
	if err == nil {
		err = s.loadTasks(tasks)
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: %w: %w", wire.ErrMalformed, err)
	}
	return s, nil
}

// parts tells the records of tasks, which are most of it, each with its frame,
// from the rest. They are counted and judged first: records of nothing, two bytes
// each, would take sixty times as much in a list that grows.
func parts(b []byte) (head []byte, tasks [][]byte, err error) {
	size, count := 0, 0
	err = eachPart(b, func(part []byte, task bool) error {
		switch {
		case !task:
			size += len(part)
		case len(part) < leastTask:
			return fmt.Errorf("%w: a task of %d bytes", wire.ErrMalformed, len(part))
		default:
			count++
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	head, tasks = make([]byte, 0, size), make([][]byte, 0, count)
	return head, tasks, eachPart(b, func(part []byte, task bool) error {
		if task {
			tasks = append(tasks, part)
		} else {
			head = append(head, part...)
		}
		return nil
	})
}

// leastTask is less than any record of a task takes with its frame: its ID alone
// has 16 bytes.
const leastTask = 16

// eachPart visits the fields of an encoded ledger.
func eachPart(b []byte, visit func(part []byte, task bool) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", wire.ErrMalformed, protowire.ParseError(n))
		}
		m := protowire.ConsumeFieldValue(number, kind, b[n:])
		if m < 0 {
			return fmt.Errorf("%w: %w", wire.ErrMalformed, protowire.ParseError(m))
		}
		if err := visit(b[:n+m], number == taskField && kind == protowire.BytesType); err != nil {
			return err
		}
		b = b[n+m:]
	}
	return nil
}

// load takes in all but the tasks. Everything that is relied on is checked before.
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
	s.keys = l.DatagramKeys
	if err := s.checkKeys(); err != nil {
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
	for _, l := range l.Locks {
		if err := s.loadLock(l); err != nil {
			return err
		}
	}
	return nil
}
