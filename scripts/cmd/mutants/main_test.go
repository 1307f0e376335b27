package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Sources change; a bug whose place is gone proves nothing.
func TestEveryBugStillHasItsPlace(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.name] || len(m.changes) == 0 {
			t.Errorf("%q is there twice, or changes nothing", m.name)
		}
		names[m.name] = true
		for _, c := range m.changes {
			source, err := os.ReadFile(filepath.Join("../../..", c.file))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), c.is); n != 1 || c.is == c.becomes {
				t.Errorf("%s: %s has %d places that read %q", m.name, c.file, n, c.is)
			}
		}
	}
	if len(mutants) < 5 {
		t.Errorf("only %d bugs", len(mutants))
	}
}

func TestTheFirstFailureIsNamed(t *testing.T) {
	got, err := firstFailure("seed 44 at 21.5s: one leader a term: term 3 is led by two\nlast lines of the trace:\n")
	if err != nil || got != "caught by seed 44: one leader a term" {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := firstFailure("panic: no"); err == nil {
		t.Fatal("a crash of the simulator is no catch")
	}
}
