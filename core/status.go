package core

import "fmt"

// Status is what one member believes of another. The numeric order is the
// rank by which evidence of one instance and incarnation overrides (SWIM §4.2:
// alive < suspect < dead), with left above all.
type Status uint8

// The statuses. Unreachable is only ever this node's own remark about a member
// it cannot confirm dead; it never travels.
const (
	Alive Status = iota + 1
	Suspect
	Dead
	Left
	Unreachable
)

var statusNames = [...]string{Alive: "alive", Suspect: "suspect", Dead: "dead", Left: "left", Unreachable: "unreachable"}

// String gives the word that users see.
func (s Status) String() string {
	if int(s) < len(statusNames) && statusNames[s] != "" {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// Instance counts the starts of a node; it is stored in the data directory and
// raised at each start, so that a restarted node supersedes its dead self.
type Instance uint32

// Incarnation counts a member's refutations within one instance (SWIM §4.2).
type Incarnation uint32

// Load is what a member reports of itself to the leader.
type Load struct {
	// Stress is the figure for people, 0 (idle) to 1000 (saturated).
	Stress uint16
	// BusyPermille is the share of the machine's processors in use by anything
	// but hb's own tasks, 0 to 1000.
	BusyPermille uint16
	// FreeMemoryMiB is the memory available for new work.
	FreeMemoryMiB uint32
	// Slots is how many tasks the member runs at once; Running how many it does.
	Slots, Running uint16
	// Strength is how fast one core of the machine is, in thousandths of an
	// ordinary one; 0: not known. Slowdown is how many times slower than that it
	// is at the moment, in thousandths; 0: not known.
	Strength, Slowdown uint16
	// Granted is the last grant the figures include; grants after it must be
	// added by whoever reads them.
	Granted Fence
}
