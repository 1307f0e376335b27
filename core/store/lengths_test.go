package store

import (
	"encoding/binary"
	"testing"
)

// etcd's CVE-2020-15106: a record of the log on disk whose length was believed
// ended the process, or made it take all memory. Here lengths are covered by a
// checksum, so these are of somebody who can write the disk. (Up to a frame's
// padding they may say anything: that is covered by the same sum as the payload.)
func TestNoLengthInALogReachesBeyondIt(t *testing.T) {
	good := appendFrame(nil, 42, head{kind: kindData, seq: 7, last: position{2, 9}, hardTerm: 3}, []byte("payload"))
	for _, n := range []uint32{0, 1, 8, 4096, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1<<32 - 64} {
		b := append([]byte(nil), good...)
		binary.LittleEndian.PutUint32(b[4:], n)
		binary.LittleEndian.PutUint32(b, castagnoli(b[4:headSize]))
		if h, payload, _, whole := readFrame(b, 42); len(payload) > len(b) || whole && int(n) > padded(len("payload")) {
			t.Errorf("a length of %d is believed: %+v, %d bytes, whole %v", n, h, len(payload), whole)
		}
	}
	for n := range good {
		if _, _, _, whole := readFrame(good[:n:n], 42); whole {
			t.Errorf("%d of %d bytes are a whole frame", n, len(good))
		}
	}
}
