package detect

import "strings"

// Extras is a set of the mechanisms that hb has beyond a detector's published
// algorithm. All are on unless an experiment leaves some out, to see what each
// is worth, or all, to see the theory come true. A cluster never does.
type Extras uint32

// The mechanisms.
const (
	// AdaptedTimeout lets the wait for a direct ack follow the round trips;
	// without it, it always is the longest.
	AdaptedTimeout Extras = 1 << iota
	// LocalHealth slows a member down that seems slow itself, and lets helpers
	// tell that they are well (Lifeguard §IV-A).
	LocalHealth
	// Confirmation starts a suspicion long and shortens it with each independent
	// accuser (Lifeguard §IV-B); without it, a suspicion always lasts Min.
	Confirmation
	// Buddy tells whoever is accused with any packet that goes to it (Lifeguard §IV-C).
	Buddy
	// Bulletins are packets of their own for news; without them it only rides.
	Bulletins
	// Correction answers a stale "alive" to its subject (memberlist#311), and a
	// stale accusation to who brought it.
	Correction
	// IsolationGate lets nobody judge who hears nobody.
	IsolationGate
	// PauseGate lets nobody judge who stood still, before its mail is read.
	PauseGate
	// SilenceGate lets nobody call dead whom it has heard lately.
	SilenceGate
	// Refusal takes a host's refusal for a sign of death.
	Refusal
	// Verification lets the observers of a suspect probe it at once.
	Verification
	// Corroboration lets nobody call dead whom only one member cannot reach.
	Corroboration
	// AntiEntropy compares views, and settles what differs.
	AntiEntropy
	// Healing pings the dead now and then.
	Healing
	// Question asks a silent member directly before it is accused (the detectors
	// by heartbeat; SWIM does so anyway).
	Question
	// Grace lets a member refute before its silence makes it dead (likewise).
	Grace
	// RingLane has every second ping go to the next member on a ring of hashed IDs,
	// and a member ask the one before it when that ping fails to come.
	RingLane
	// Persistence asks a silent target and other helpers again while the period
	// lasts.
	Persistence
	// Damping calls a member unsteady that is accused too often, although it
	// refutes each time.
	Damping
	// SecondLook asks a member that has refuted once more, at once.
	SecondLook

	endExtras
)

// AllExtras is every mechanism.
const AllExtras = endExtras - 1

var extraNames = [...]string{
	"adapted-timeout", "local-health", "confirmation", "buddy", "bulletins", "correction",
	"isolation-gate", "pause-gate", "silence-gate", "refusal", "verification", "corroboration", "anti-entropy", "healing",
	"question", "grace", "ring-lane", "persistence", "damping", "second-look",
}

// Has says whether all of these are in the set.
func (e Extras) Has(these Extras) bool { return e&these == these }

// String lists the names, separated by commas.
func (e Extras) String() string {
	var names []string
	for i, name := range extraNames {
		if e.Has(1 << i) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
