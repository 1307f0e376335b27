package central

import (
	"testing"

	"hb/core"
	"hb/core/detect/heartbeat"
)

func TestTheCentreIsTheLeaderOrElseTheLowestID(t *testing.T) {
	living := []core.NodeID{3, 5, 9}
	for _, c := range []struct {
		leader, centre core.NodeID
		explanation    string
	}{
		{5, 5, "the leader"},
		{0, 3, "nobody leads"},
		{7, 3, "the leader is dead, or a stranger"},
	} {
		if got := centre(heartbeat.Members{Self: 9, Living: living, Leader: c.leader}); got != c.centre {
			t.Errorf("%s: %s", c.explanation, got)
		}
	}
	if got := centre(heartbeat.Members{Self: 9}); got != 9 {
		t.Errorf("without members: %s", got)
	}
}
