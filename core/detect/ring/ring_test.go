package ring

import (
	"slices"
	"testing"

	"hb/core"
	"hb/core/detect/heartbeat"
)

func TestNeighboursAreNextByIDAroundTheCircle(t *testing.T) {
	for _, c := range []struct {
		self        core.NodeID
		living      []core.NodeID
		next, both  []core.NodeID
		explanation string
	}{
		{3, []core.NodeID{1, 3, 5, 9}, []core.NodeID{5}, []core.NodeID{1, 5}, "in the middle"},
		{9, []core.NodeID{1, 3, 5, 9}, []core.NodeID{1}, []core.NodeID{5, 1}, "the last, whose next is the first"},
		{1, []core.NodeID{1, 3, 5, 9}, []core.NodeID{3}, []core.NodeID{9, 3}, "the first"},
		{1, []core.NodeID{1, 3}, []core.NodeID{3}, []core.NodeID{3}, "one of two has one neighbour"},
		{1, []core.NodeID{1}, nil, nil, "alone"},
		{1, nil, nil, nil, "left"},
	} {
		m := heartbeat.Members{Self: c.self, Living: c.living}
		if got := at(m, +1); !slices.Equal(got, c.next) {
			t.Errorf("%s: next %v, want %v", c.explanation, got, c.next)
		}
		if got := at(m, -1, +1); !slices.Equal(got, c.both) {
			t.Errorf("%s: both %v, want %v", c.explanation, got, c.both)
		}
	}
}

func TestWhoSendsIsWatchedByWhoGetsIt(t *testing.T) {
	living := []core.NodeID{2, 4, 6, 8, 10}
	for _, a := range living {
		for _, b := range living {
			sends := slices.Contains(at(heartbeat.Members{Self: a, Living: living}, +1), b)
			watches := slices.Contains(at(heartbeat.Members{Self: b, Living: living}, -1), a)
			if sends != watches {
				t.Errorf("%s sends to %s: %v; is watched by it: %v", a, b, sends, watches)
			}
		}
	}
}
