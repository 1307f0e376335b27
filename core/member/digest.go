package member

import "hb/core"

// Digest divides the members into so many parts by their IDs, and gives for each
// what Hash is for all: a few bytes by which two tables find out where they differ
// without showing each other all their rows.
func (t *Table) Digest(parts int) []uint64 {
	sums := make([]uint64, parts)
	t.each(func(s *stored) bool {
		if s.living() {
			sums[Part(s.id, parts)] ^= s.fingerprint()
		}
		return true
	})
	return sums
}

// Part is the part of a digest that a member belongs to.
func Part(id core.NodeID, parts int) int { return int(mix(uint64(id)) % uint64(parts)) }
