package dispatch

import (
	"slices"
)

// samples are the newest values of something, and their median.
type samples struct {
	values []float64 // a ring
	next   int
	median float64
	sorted []float64

	// Of the runs of a name: how many have ended, ever, and how many had when each of
	// these began.
	ended  int
	before []int
}

// add takes in a value among the newest most.
func (s *samples) add(v float64, most int) {
	if len(s.values) < most {
		s.values = append(s.values, v)
	} else {
		s.values[s.next] = v
		s.next = (s.next + 1) % most
	}
	s.sort()
}

// addRun takes in what a run of a name took, when so many of that had ended when it
// began.
func (s *samples) addRun(v float64, most, before int) {
	s.ended++
	if len(s.before) < most {
		s.before = append(s.before, before)
	} else {
		s.before[s.next] = before
	}
	s.add(v, most)
}

func (s *samples) sort() {
	s.sorted = append(s.sorted[:0], s.values...)
	slices.Sort(s.sorted)
	s.median = s.sorted[len(s.sorted)/2]
}

// far is what nine of ten do not exceed.
func (s *samples) far() float64 { return s.sorted[len(s.sorted)*9/10] }

// each is for how many runs each of them stands: for those, too, that have ended since
// the first of them began and are not among the newest any more.
func (s *samples) each() float64 {
	first := s.ended
	for _, before := range s.before {
		first = min(first, before)
	}
	return float64(s.ended-first) / float64(len(s.before))
}
