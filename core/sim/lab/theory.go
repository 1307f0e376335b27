package lab

import "math"

// DetectionTheory is E[T_d] in periods for SWIM with random targets in
// synchronous rounds: one in the chance that at least one of the other N−1
// members probes a given one in a round (SWIM §3.1). For large N it is
// 1/(1−1/e) ≈ 1.582.
func DetectionTheory(members int) float64 {
	others := float64(members - 1)
	return 1 / (1 - math.Pow(1-1/others, others))
}

// MistakeTheory is the chance that a probe of a living member among living
// members fails: (1−q²)(1−q⁴)^K, with q the chance of a datagram to arrive
// (SWIM §3.1, q_f = 1). It is also the expected number of mistaken suspicions of
// one member in one period, since each is probed once a period on average.
func MistakeTheory(loss float64, helpers int) float64 {
	q := 1 - loss
	return (1 - q*q) * math.Pow(1-math.Pow(q, 4), float64(helpers))
}

// LoadTheory is the datagrams that a member sends a period in SWIM §3: a ping, the
// acks of those that reach it, and for each probe without a direct ack K
// ping-reqs, as many pings and acks of their helpers, and the acks that these
// forward.
func LoadTheory(loss float64, helpers int) float64 {
	q := 1 - loss
	return 1 + q + (1-q*q)*relayed(q, helpers)
}

// relayed is the datagrams that asking helpers once costs.
func relayed(q float64, helpers int) float64 {
	return float64(helpers) * (1 + q + q*q + q*q*q)
}

// StandardLoad is the same of SWIM as hb runs it (core/detect/swim), which pings
// again before it asks helpers, and then goes on with both.
func StandardLoad(loss float64, helpers int) float64 {
	q := 1 - loss
	load, still := 1+q, 1-q*q
	load += still * (1 + q)
	still *= 1 - q*q
	for range 3 {
		load += still * (1 + q + relayed(q, helpers))
		still *= MistakeTheory(loss, helpers)
	}
	return load
}

// StandardMistakes is the chance that a probe of a living member among living
// members fails in SWIM as hb runs it.
func StandardMistakes(loss float64, helpers int) float64 {
	q := 1 - loss
	return math.Pow(1-q*q, 2) * math.Pow(MistakeTheory(loss, helpers), 3)
}

// SwimFactor is e^q/(e^q−1) at q_f = 1, by which SWIM's p_m is greater than the
// chance per period: it counts over the expected time until a detection.
func SwimFactor() float64 { return math.E / (math.E - 1) }

// SpreadTheory is the time in periods until news of one member has reached a
// share of all, by the logistic curve of SWIM §4.1,
//
//	x(t) = N/(1+(N−1)·e^(−(2−1/N)t)).
//
// The curve reaches N only in the limit; all of them stands for N−½.
//
// It leaves out how the first contacts fall out. The mean over many runs is that
// of a pure birth process, later than the curve by half of Euler's constant,
// 0.29 periods, once and again at its end.
func SpreadTheory(members int, share float64) float64 {
	n := float64(members)
	x := min(share*n, n-0.5)
	return math.Log(x*(n-1)/(n-x)) / (2 - 1/n)
}

// SpreadCurve is that curve: the share that knows after so many periods.
func SpreadCurve(members int, periods float64) float64 {
	n := float64(members)
	return 1 / (1 + (n-1)*math.Exp(-(2-1/n)*periods))
}

// DetectionCurve gives the share of crashes that theory expects to be accused
// within so many periods; nil where there is no theory.
func (r *Result) DetectionCurve() func(periods float64) float64 {
	switch {
	case r.Kind == "swim" && r.Pure:
		each := 1 / r.DetectionTheory
		return func(t float64) float64 { return 1 - math.Pow(1-each, math.Floor(t)) }
	case r.Kind == "swim":
		return func(t float64) float64 { return 1 - unpinged(t-1) }
	case math.IsNaN(r.DetectionTheory):
		return nil
	}
	// The crash comes at any time between two heartbeats.
	return func(t float64) float64 { return min(1, max(0, t-r.DetectionTheory+0.5)) }
}

// unpinged is the chance that nobody has begun to probe a member so many periods
// after its crash, in SWIM as hb runs it. Two neighbours on the ring look every
// second period, each at a phase of its own; the rounds of the others, to which
// every second ping is left, are together nearly a Poisson process.
func unpinged(periods float64) float64 {
	t := max(0, periods) / 2
	return math.Pow(max(0, 1-t), 2) * math.Exp(-t)
}

// FirstPing is the mean time in periods from a crash to the first ping of the
// crashed member in SWIM as hb runs it: the integral of unpinged.
func FirstPing() float64 { return 2 * (1 - 2/math.E) }
