package control

import (
	"strings"
	"testing"
)

func TestNamesOfSchedulesArePlainWords(t *testing.T) {
	for name, want := range map[string]bool{
		"rotate": true, "a": true, "7z": true, "nightly-backup_2.0": true, strings.Repeat("x", 100): true,
		"": false, "-rotate": false, ".hidden": false, "two words": false, "naïve": false, "a/b": false, strings.Repeat("x", 101): false,
	} {
		if isScheduleName(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
}
