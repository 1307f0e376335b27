package detect

import (
	"strings"
	"testing"
)

func TestEveryExtraHasAName(t *testing.T) {
	names := strings.Split(AllExtras.String(), ",")
	if 1<<len(names) != int(endExtras) {
		t.Errorf("%d names: %q", len(names), names)
	}
	if got := (Buddy | Healing).String(); got != "buddy,healing" {
		t.Errorf("%q", got)
	}
	if !AllExtras.Has(Buddy|Refusal) || Buddy.Has(Buddy|Refusal) {
		t.Error("a set does not know what it has")
	}
}
