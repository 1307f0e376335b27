package seal

const (
	blocks     = 16 // a power of two
	blockBits  = 64
	windowSize = (blocks - 1) * blockBits
)

// window remembers which counters of one sender were seen (RFC 6479). The bit of
// a counter is at counter mod 1024; when the highest moves into another block,
// the blocks passed over are emptied. One block is always being filled, so that
// the counters surely remembered are windowSize.
type window struct {
	highest uint64
	bits    [blocks]uint64
	begun   bool
}

// fresh says whether a counter may be one that was not seen yet.
func (w *window) fresh(counter uint64) bool {
	switch {
	case !w.begun, counter > w.highest:
		return true
	case w.highest-counter >= windowSize:
		return false
	}
	return w.bits[counter/blockBits%blocks]&(1<<(counter%blockBits)) == 0
}

// see remembers a counter that is fresh.
func (w *window) see(counter uint64) {
	block := counter / blockBits
	if !w.begun {
		w.begun, w.highest = true, counter
	} else if counter > w.highest {
		last := w.highest / blockBits
		for i := range min(block-last, blocks) {
			w.bits[(last+1+i)%blocks] = 0
		}
		w.highest = counter
	}
	w.bits[block%blocks] |= 1 << (counter % blockBits)
}
