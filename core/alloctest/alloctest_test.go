package alloctest

import "testing"

// judge is a test that remembers whether it failed.
type judge struct {
	testing.TB
	failed bool
}

func (j *judge) Helper()               {}
func (j *judge) Errorf(string, ...any) { j.failed = true }

func TestWhatIsAllocatedIsHeldAgainstFourTimesTheCap(t *testing.T) {
	var kept [][]byte
	take := func(pieces, size int) func() {
		return func() {
			kept = kept[:0]
			for range pieces {
				kept = append(kept, make([]byte, size))
			}
		}
	}
	kept = make([][]byte, 0, 1<<17)
	for name, c := range map[string]struct {
		cap    int
		do     func()
		failed bool
	}{
		"nothing":                    {0, func() {}, false},
		"a little, exactly":          {1024, take(1, 4096), false},
		"a little more":              {1024, take(2, 4096), true},
		"much, in one piece":         {1 << 20, take(1, 4<<20), false},
		"too much, in one piece":     {1 << 20, take(1, 5<<20), true},
		"much, in small pieces":      {1 << 20, take(1<<16, 48), false},
		"too much, in small pieces":  {1 << 20, take(1<<17, 48), true},
		"too much, but only at once": {1024, sometimes(take(1, 1<<20)), false},
	} {
		j := &judge{TB: t}
		if Within(j, c.cap, c.do); j.failed != c.failed {
			t.Errorf("%s: failed is %v", name, j.failed)
		}
	}
}

// sometimes calls a function the first time only, as if others did something.
func sometimes(do func()) func() {
	done := false
	return func() {
		if !done {
			done = true
			do()
		}
	}
}
