package kinds

import "testing"

func TestEveryNameHasItsDetector(t *testing.T) {
	names := Names()
	if names[0] != Default {
		t.Errorf("the first is %s", names[0])
	}
	seen := map[string]bool{}
	for _, name := range names {
		if make, ok := Find(name); !ok || make == nil || seen[name] {
			t.Errorf("%s: found %v, seen before %v", name, ok, seen[name])
		}
		seen[name] = true
	}
	if _, ok := Find("rumour"); ok {
		t.Error("there is a detector of no kind")
	}
}
