package member

import (
	"cmp"
	"slices"

	"hb/core"
)

// Place is where an ID stands on the ring of members, of which everybody computes
// the same (Fibonacci hashing: IDs are random already, but tests count from one).
func Place(id core.NodeID) uint64 { return uint64(id) * 0x9e3779b97f4a7c15 }

// Beside gives the members alive that stand before and after this node on the
// ring; zeros when there is none.
func (t *Table) Beside() (before, after core.NodeID) {
	if t.begun != nil {
		return t.begun.beside(t.self)
	}
	t.each(func(s *stored) bool {
		if s.status == core.Alive && s.id != t.self {
			before, after = Closer(t.self, s.id, before, after)
		}
		return true
	})
	return before, after
}

// Wards is how many members each keeps a stream to, so that it learns of their
// processes' ends at once: those Behind it.
const Wards = 3

// Behind gives up to so many members alive that stand before this node on the
// ring, the nearest first.
func (t *Table) Behind(most int) (behind []core.NodeID) {
	own := Place(t.self)
	farther := func(a, b core.NodeID) int { return cmp.Compare(own-Place(a), own-Place(b)) }
	t.each(func(s *stored) bool {
		if s.status != core.Alive || s.id == t.self {
			return true
		}
		if at, _ := slices.BinarySearchFunc(behind, s.id, farther); at < most {
			behind = slices.Insert(behind, at, s.id)
			behind = behind[:min(len(behind), most)]
		}
		return true
	})
	return behind
}

// Closer gives the members before and after self on the ring when there is one
// more. A zero stands for nobody.
func Closer(self, id, before, after core.NodeID) (newBefore, newAfter core.NodeID) {
	own := Place(self)
	if after == 0 || Place(id)-own < Place(after)-own {
		after = id
	}
	if before == 0 || own-Place(id) < own-Place(before) {
		before = id
	}
	return before, after
}

// ringOf sorts IDs by place.
func ringOf(ids []core.NodeID) []core.NodeID {
	ring := slices.Clone(ids)
	slices.SortFunc(ring, byPlace)
	return ring
}

func byPlace(a, b core.NodeID) int { return cmp.Compare(Place(a), Place(b)) }

// beside is Table.Beside on the base alone.
func (b *Base) beside(self core.NodeID) (before, after core.NodeID) {
	n := len(b.ring)
	at, in := slices.BinarySearchFunc(b.ring, self, byPlace)
	if !in || n < 2 {
		return 0, 0
	}
	return b.ring[(at+n-1)%n], b.ring[(at+1)%n]
}
