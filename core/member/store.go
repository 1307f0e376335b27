package member

import (
	"maps"
	"net/netip"

	"hb/core"
	"hb/core/wire"
)

// rowSize is the size of a stored row, in bytes; a test holds it true.
const rowSize = 48

// stored is a row as a table keeps it: 48 bytes, and the labels aside, which
// rarely change and which several tables of one process may share.
type stored struct {
	id          core.NodeID
	labels      *labels
	accuser     core.NodeID
	since       core.Instant
	instance    core.Instance
	incarnation core.Incarnation
	status      core.Status
	why         wire.Reason
}

// BytesPerRow is what a row takes in this table, with its share of the index and
// of the order, and without its labels.
func (t *Table) BytesPerRow() float64 {
	bytes := len(t.rows)*rowSize + 4*len(t.index.slots) + 4*len(t.order)
	return float64(bytes) / float64(max(1, len(t.rows)))
}

// labels are never written to once they are in a row.
type labels struct {
	name, version string
	addr          netip.AddrPort
	tags          map[string]string
	raft          core.RaftID
	features      core.Features
}

func (s *stored) row() Row {
	l := s.labels
	return Row{
		ID: s.id, Name: l.name, Addr: l.addr, Version: l.version, Features: l.features, Tags: l.tags, Raft: l.raft,
		Instance: s.instance, Incarnation: s.incarnation, Status: s.status,
		Accuser: s.accuser, Why: s.why, Since: s.since,
	}
}

// store makes the row to keep; its labels are those of the row before if they
// are the same.
func store(r Row, before *stored) stored {
	s := stored{
		id: r.ID, accuser: r.Accuser, since: r.Since, instance: r.Instance, incarnation: r.Incarnation,
		status: r.Status, why: r.Why,
	}
	if before != nil && before.labels.are(r) {
		s.labels = before.labels
	} else {
		s.labels = &labels{name: r.Name, version: r.Version, addr: r.Addr, tags: r.Tags, raft: r.Raft, features: r.Features}
	}
	return s
}

func (l *labels) are(r Row) bool {
	return l.name == r.Name && l.version == r.Version && l.addr == r.Addr && l.raft == r.Raft && l.features == r.Features && maps.Equal(l.tags, r.Tags)
}

func (s *stored) living() bool { return s.status == core.Alive || s.status == core.Suspect }

// fingerprint is the row's share of the table's hash.
func (s *stored) fingerprint() uint64 {
	return mix(uint64(s.id) ^ mix(uint64(s.instance)<<32|uint64(s.incarnation)))
}

// mix spreads every bit of x over the result (the finaliser of splitmix64,
// Steele et al. 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// index finds rows by ID: open addressing with linear probing, at most three
// quarters full. It takes 5 to 11 bytes a row, where a map would take 26, and
// at ten thousand members in one process that is a third of the memory.
type index struct {
	slots []uint32 // position in rows plus one; 0 is free
	used  int
}

// find gives the row's position, or -1.
func (x *index) find(rows []stored, id core.NodeID) int {
	if len(x.slots) == 0 {
		return -1
	}
	for at := x.home(id); ; at = (at + 1) & (len(x.slots) - 1) {
		switch p := x.slots[at]; {
		case p == 0:
			return -1
		case rows[p-1].id == id:
			return int(p - 1)
		}
	}
}

// add files the row at a position, which must not be in the index yet.
func (x *index) add(rows []stored, position int) {
	if 4*(x.used+1) > 3*len(x.slots) {
		x.grow(rows, max(8, 2*len(x.slots)))
	}
	x.place(rows[position].id, position)
}

func (x *index) place(id core.NodeID, position int) {
	at := x.home(id)
	for x.slots[at] != 0 {
		at = (at + 1) & (len(x.slots) - 1)
	}
	x.slots[at] = uint32(position + 1)
	x.used++
}

// grow makes room for so many slots, a power of two, and files anew what was
// in the index.
func (x *index) grow(rows []stored, size int) {
	old := x.slots
	*x = index{slots: make([]uint32, size)}
	for _, p := range old {
		if p != 0 {
			x.place(rows[p-1].id, int(p-1))
		}
	}
}

func (x *index) home(id core.NodeID) int { return int(mix(uint64(id)) & uint64(len(x.slots)-1)) }
