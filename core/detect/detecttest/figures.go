package detecttest

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Loss says of each packet whether it is lost.
type Loss func(from, to int, r *rand.Rand) bool

// Lose loses each packet with a probability, independently of the others.
func Lose(p float64) Loss {
	return func(_, _ int, r *rand.Rand) bool { return r.Float64() < p }
}

// LoseInBursts loses packets of each pair of members in a row: a burst begins
// with probability p at any packet and goes on with probability q (Gilbert's
// model). p/(p+1−q) of all packets are lost.
func LoseInBursts(p, q float64) Loss {
	bad := map[[2]int]bool{}
	return func(from, to int, r *rand.Rand) bool {
		pair := [2]int{from, to}
		if bad[pair] {
			bad[pair] = r.Float64() < q
		} else {
			bad[pair] = r.Float64() < p
		}
		return bad[pair]
	}
}

// Sample is a set of measured figures.
type Sample []float64

// Mean is the arithmetic mean.
func (s Sample) Mean() float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(len(s))
}

// Quantile is the figure below which a share q of all lies.
func (s Sample) Quantile(q float64) float64 {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// String gives mean, 99th percentile, extremes and number.
func (s Sample) String() string {
	if len(s) == 0 {
		return "none"
	}
	return fmt.Sprintf("mean %.3f, p99 %.3f, %.3f to %.3f, %d times", s.Mean(), s.Quantile(0.99), s.Quantile(0), s.Quantile(1), len(s))
}
