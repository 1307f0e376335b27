// Package alloctest holds what a decoder allocates against the longest input that
// it takes: docs speak of four times that, for every decoder of hb. The fuzz
// targets ask it about every input that they try, and tests about the worst that
// somebody has thought of.
package alloctest

import (
	"runtime"
	"runtime/metrics"
	"testing"
)

// Within fails the test if a function, which may be called several times, allocates
// more than four times cap bytes whenever it is called. Others may allocate
// meanwhile: the least of a few times counts.
func Within(t testing.TB, cap int, do func()) {
	t.Helper()
	most := 4 * uint64(cap)
	if most >= coarse {
		before := roughly()
		do()
		if roughly()-before <= most/2 {
			return
		}
	}
	var took uint64
	for range 5 {
		if took = exactly(do); took <= most {
			return
		}
	}
	t.Errorf("%d bytes are allocated, more than four times %d", took, cap)
}

// coarse is a number of bytes that a rough count does not overlook half of: it
// knows of small objects only once the page that they share is full.
const coarse = 1 << 20

// roughly is how many bytes were allocated so far, in half a microsecond.
func roughly() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// exactly is how many bytes a call allocates. It stops the process twice.
func exactly(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
