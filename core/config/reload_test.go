package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestWhatChangedIsNamedAndWhatARunningNodeCanTakeOver(t *testing.T) {
	parse := func(text string) *Config {
		c, findings := Parse("x", []byte(text))
		if len(findings) > 0 {
			t.Fatal(findings)
		}
		return c
	}
	from := parse(`
		[node]
		slots = 2
		name = "a"
		[tasks.gone]
		command = ["true"]
		[tasks.other]
		command = ["true"]
		[tasks.same]
		command = ["true"]`)
	to := parse(`
		[node]
		slots = 3
		name = "b"
		allow_exec = true
		[socket]
		submit = ["@ops"]
		[cluster]
		seeds = ["10.0.0.1:7117"]
		[detector]
		period = "2s"
		[tasks.new]
		command = ["true"]
		[tasks.other]
		command = ["true"]
		memory = "2G"
		[tasks.same]
		command = ["true"]`)
	var got []string
	for _, c := range Changes(from, to) {
		got = append(got, fmt.Sprintf("%s %v", c.Key, c.Live))
	}
	want := "node.name false, node.slots true, node.allow_exec true, socket.submit true, cluster.seeds true, detector.period false, " +
		"tasks.gone true, tasks.new true, tasks.other true"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("changed:\n%s\nwant:\n%s", text, want)
	}
	if same := Changes(to, to); same != nil {
		t.Errorf("a configuration differs from itself: %v", same)
	}
}

func TestTheManualMarksWhatAReloadTakesOver(t *testing.T) {
	for _, k := range append(keys(), taskKeys("NAME")...) {
		_, after, _ := strings.Cut(Manual(), "**"+k.name+"** = `"+k.fallback+"`\n")
		entry, _, _ := strings.Cut(after, "\n\n")
		if strings.Contains(entry, "A reload takes it over.") != k.live() {
			t.Errorf("%s: %s", k.path(), entry)
		}
	}
}
