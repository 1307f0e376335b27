package ledger

import (
	"fmt"
	"testing"
)

func TestLikeTasksHoldOneSpec(t *testing.T) {
	b := newBook(t)
	b.yes(submit(1, spec("true")))
	b.yes(submit(2, spec("true")))
	other := spec("true")
	other.Cwd = "/tmp"
	b.yes(submit(3, other))
	if b.task(1).Spec != b.task(2).Spec || b.task(3).Spec == b.task(1).Spec || b.task(3).Spec.Cwd != "/tmp" {
		t.Fatalf("they hold %p, %p and %p", b.task(1).Spec, b.task(2).Spec, b.task(3).Spec)
	}
	twin, err := Decode(b.Encode())
	if err != nil || twin.Tasks()[0].Spec != twin.Tasks()[1].Spec {
		t.Fatalf("read again they hold one each, %v", err)
	}
}

func TestFewSpecsAreRemembered(t *testing.T) {
	s := shared{}
	for n := range 3 * sharedMost {
		s.of(spec("true", fmt.Sprint(n)))
	}
	if len(s) > sharedMost {
		t.Fatalf("%d are", len(s))
	}
}
