package sim

import (
	cryptorand "crypto/rand"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
)

// seedEntropy makes crypto/rand.Reader a reader of the seed's own bytes until
// restore is called. The consensus engine draws its election jitter from there,
// in the order in which nodes take steps, so that this one reader makes the
// whole run repeatable; and that is why a process runs one seed at a time.
func seedEntropy(seed uint64) (restore func()) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	copy(key[8:], "the engine's own jitter")
	before := cryptorand.Reader
	cryptorand.Reader = rand.NewChaCha8(key)
	return func() { cryptorand.Reader = before }
}

// chance makes the generator of one purpose. Every purpose has its own, so that
// a change in one (another fault, one more client) leaves the others' luck as
// it was.
func chance(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
