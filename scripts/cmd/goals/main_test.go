package main

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"hb/core/detect"
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
	s := scale{seed: 1, trials: 300, crashes: 10, large: 60, joiners: 20, nodes: 40}
	for name, measure := range map[string]func(scale) (string, verdict){
		"joiners": joinersUnderLoss, "loss": heavyLoss, "ten": tenAtOnce, "split": split,
	} {
		if got, v := measure(s); v == missed {
			t.Errorf("%s: %s%s", name, v, got)
		}
	}
	for members, want := range map[int]verdict{20: reached, 21: unjudged} {
		if got, v := joining(members, 5*time.Second)(s); v != want {
			t.Errorf("%d join: %s%s", members, v, got)
		}
	}
	if got, v := joining(20, time.Millisecond)(s); v != missed || !strings.Contains(got, "over 0.001") {
		t.Errorf("joining too slowly: %s%s", v, got)
	}
	if got := over("it", 5.5, 5); got != "; it 10.0 % over 5" || over("it", 5, 5) != "" {
		t.Error(got)
	}
	s.large = 100
	if got, _ := faulty(s, nobodyHears); !strings.Contains(got, "of 1 faulty 1 are dead") {
		t.Errorf("cut off: %s", got)
	}
}

func TestGoalsArePrintedInOrderWithWhatWasTriedWhereTheyAreMissed(t *testing.T) {
	first := make(chan bool)
	all := []goal{
		{what: "one", tried: "this", measure: func(scale) (string, verdict) { <-first; return "so", missed }},
		{what: "other", tried: "that", measure: func(scale) (string, verdict) { close(first); return "", reached }},
		{what: "left out", measure: func(scale) (string, verdict) { return "", missed }},
	}
	if runtime.GOMAXPROCS(0) < 2 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	var out strings.Builder
	if short := run(&out, scale{}, all, regexp.MustCompile("o[nt]")); short != 1 {
		t.Errorf("%d missed", short)
	}
	text := out.String()
	if !strings.Contains(text, "MISSED    one") || !strings.Contains(text, "tried     this") || strings.Contains(text, "that") ||
		strings.Index(text, "one") > strings.Index(text, "other") || strings.Contains(text, "left out") {
		t.Error(text)
	}
}

// nobodyHears is a member that is cut off altogether.
func nobodyHears(time.Duration, bool) float64 { return 1 }

func TestEachGateIsWorthItsWhile(t *testing.T) {
	s := scale{seed: 1}
	whole := detached(s, 0)
	if whole.deaths != 0 {
		t.Errorf("with all mechanisms who is half detached brings about %d deaths", whole.deaths)
	}
	for _, e := range []detect.Extras{detect.IsolationGate, detect.SilenceGate, detect.Corroboration} {
		if less := detached(s, e); less.deaths == 0 {
			t.Errorf("without %s as few", e)
		}
	}
	with, without := hardship(s, 0, pauses), hardship(s, detect.PauseGate, pauses)
	if without.suspicions < 10*with.suspicions+100 {
		t.Errorf("without the pause gate %d suspicions, with it %d", without.suspicions, with.suspicions)
	}
}

func TestTheDeafHarmNobodyButWithoutTheGates(t *testing.T) {
	s := scale{seed: 1}
	whole := hardship(s, 0, deafen)
	if whole.deaths != 0 {
		t.Errorf("with all mechanisms %d deaths of members that are well", whole.deaths)
	}
	for _, e := range []detect.Extras{detect.IsolationGate, detect.AllExtras} {
		if less := hardship(s, e, deafen); less.deaths == 0 || less.suspicions <= whole.suspicions {
			t.Errorf("without %s %+v, with all %+v", e, less, whole)
		}
	}
}
