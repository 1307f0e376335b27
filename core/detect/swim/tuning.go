package swim

// Tuning is what may be set of SWIM. A cluster runs Standard; a laboratory
// also runs the paper's own protocol, and other programs' figures.
type Tuning struct {
	// Helpers is K, the number of members asked to ping a target that did not
	// answer directly.
	Helpers int
	// Direct is the longest wait for a direct ack, in periods.
	Direct float64
	// Min is the shortest suspicion, in periods, among up to a hundred members;
	// it grows with the logarithm of their number. MaxFactor times as long is
	// the longest. The package comment says why they are as they are.
	Min, MaxFactor float64
	// PingTwice also pings the target again when helpers are asked.
	PingTwice bool
	// RandomTargets draws each target anew instead of going round (SWIM §3.1).
	RandomTargets bool
	// InStep begins all periods at whole multiples of the period, so that
	// members with one clock probe in synchronous rounds, as SWIM §3 assumes.
	InStep bool
	// Memoryless draws the time between two periods from the exponential
	// distribution, as the differential equation of SWIM §4.1 assumes.
	Memoryless bool
}

// Standard is SWIM as hb runs it.
func Standard() Tuning { return Tuning{Helpers: 3, Direct: 1. / 3, Min: 2.5, MaxFactor: 6} }
