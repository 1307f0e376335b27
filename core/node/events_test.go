package node

import (
	"strings"
	"testing"
)

func TestAGapIsToldWhereSomethingIsLostAndNowhereElse(t *testing.T) {
	r := newRing(3)
	first := r.next
	for range eventsKept + 1 { // the older half is dropped
		r.add(Record{})
	}
	oldest := r.records[0].Cursor
	for since, want := range map[uint64]string{
		0: "", oldest: "", oldest - 1: "", r.next: "", oldest - 2: "1 events", first: "events are not kept",
		first - 2: "started again", 1<<instanceBits + 5: "started again",
	} {
		gap, is := r.gap(since)
		if is != (want != "") || !strings.Contains(gap.Detail, want) {
			t.Errorf("after %d: %v, %q, want %q", since, is, gap.Detail, want)
		}
		if is && (gap.Cursor != oldest-1 || gap.Kind != "gap") {
			t.Errorf("after %d: %+v", since, gap)
		}
	}
	if _, is := newRingOf(4).gap(first); !is {
		t.Error("who goes on after a restart is not told that something is lost")
	}
}

func newRingOf(instance uint32) *ring {
	r := newRing(instance)
	return &r
}
