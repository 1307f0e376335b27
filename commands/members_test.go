package commands

import (
	"slices"
	"strings"
	"testing"

	"hb/core/control"
)

func TestATableTellsOfSuspectsAndOfIsolationInWords(t *testing.T) {
	blame, up, down := "suspected by b: no answer\x1b[2J", "up", "down"
	got := doubts(&control.Members{Isolated: true, Members: []control.Member{
		{Name: "a", Status: "alive"},
		{Name: "c", Status: "dead", Blame: &blame},
		{Name: "d", Status: "unreachable", Blame: &blame},
		{Name: "e", Status: "alive", Agreed: &down, Blame: &blame},
		{Name: "f", Status: "alive", Agreed: &up, Blame: &blame},
	}})
	want := []string{
		"this node hears nobody: it is isolated, and what it shows of others is old",
		`c is dead: suspected by b: no answer\x1b[2J`,
		`d is unreachable: suspected by b: no answer\x1b[2J`,
		`e is alive, agreed down: suspected by b: no answer\x1b[2J`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestWhoIsDeadOrHasLeftHasNeitherStressNorLag(t *testing.T) {
	stress, applied := 500, "3"
	v := &topView{status: &control.Status{}}
	for status, has := range map[string]bool{"alive": true, "suspect": true, "dead": false, "left": false} {
		m := control.Member{Status: status, Stress: &stress, Applied: &applied}
		if got := strings.TrimSpace(v.stress(m)) != "-"; got != has {
			t.Errorf("%s: stress %q", status, v.stress(m))
		}
		if got := v.lag(m) != ""; got != has {
			t.Errorf("%s: lag %q", status, v.lag(m))
		}
	}
}
