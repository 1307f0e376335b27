package main

import (
	"strings"
	"testing"
	"time"
)

func TestEveryGoalSaysWhatIsWantedAndCanBeMissed(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range goals() {
		if g.what == "" || g.best == "" || g.want == "" || g.measure == nil || seen[g.what] {
			t.Errorf("%+v", g)
		}
		seen[g.what] = true
	}
	if judge(false) != missed || judge(true) != reached {
		t.Error("a goal cannot be missed")
	}
}

func TestSmallTrialsOfTheQuickGoals(t *testing.T) {
	s := scale{seed: 1, trials: 300, crashes: 10, large: 100, joiners: 20}
	for name, measure := range map[string]func(scale) (string, verdict){
		"joiners": joinersUnderLoss, "loss": heavyLoss, "ten": tenAtOnce, "split": split,
	} {
		if got, v := measure(s); v == missed {
			t.Errorf("%s: %s%s", name, v, got)
		}
	}
	if got, v := joinAtOnce(s); v != unjudged || !strings.Contains(got, "20 know each other") {
		t.Errorf("joining: %s%s", v, got)
	}
	if got, _ := faulty(s, nobodyHears); !strings.Contains(got, "of 1 faulty 1 are dead") {
		t.Errorf("cut off: %s", got)
	}
}

// nobodyHears is a member that is cut off altogether.
func nobodyHears(time.Duration, bool) float64 { return 1 }
