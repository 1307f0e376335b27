package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core/alloctest"
)

// mutants are datagrams in which one byte of a good one says the most, or
// nothing, and those that break off at any place.
func mutants(visit func(name string, b []byte)) {
	for _, p := range samplePackets() {
		good := AppendPacket(nil, &p)
		for i := range good {
			for _, v := range []byte{0, 0x7f, 0x80, 0xff} {
				b := bytes.Clone(good)
				b[i] = v
				visit(p.Kind.String(), b)
				visit(p.Kind.String(), append(b, bytes.Repeat([]byte{v}, MaxPacket-len(b))...))
			}
			visit(p.Kind.String(), good[:i:i])
		}
	}
}

// memberlist#357 and #361: numbers of a datagram that were believed, and given to
// make. memberlist#363: a small datagram that unpacks to a large one.
func TestNoCountInADatagramAllocatesMoreThanFourTimesItsCap(t *testing.T) {
	mutants(func(name string, b []byte) {
		var p Packet
		alloctest.Within(t, MaxPacket, func() {
			p = Packet{}
			_ = DecodePacket(&p, b)
		})
		if t.Failed() || len(p.News) > MaxNews || len(p.Beats) > MaxBeats {
			t.Fatalf("%s of %d bytes, for %d rows and %d beats: %x", name, len(b), len(p.News), len(p.Beats), b)
		}
	})
}

// memberlist#368 and #369: a datagram shorter than what it begins as ended the
// process.
func TestADatagramThatBreaksOffIsRefused(t *testing.T) {
	for _, p := range samplePackets() {
		good := AppendPacket(nil, &p)
		for n := range good {
			var q Packet
			if DecodePacket(&q, good[:n:n]) == nil {
				t.Errorf("%d of %d bytes of %s are taken for a datagram: %+v", n, len(good), p.Kind, q)
			}
		}
	}
}

// etcd's CVE-2020-15106, for what this package lays out itself: lengths beyond the
// file, and such that add up to less than zero.
func TestNoLengthInASnapshotReachesBeyondIt(t *testing.T) {
	index, term := uint64(7), uint64(2)
	good := EncodeSnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: &index, Term: &term}, Data: []byte("data")})
	for _, n := range []uint64{0, 1, 1 << 31, 1 << 32, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1<<64 - 40} {
		for _, at := range []int{16, 24} {
			b := bytes.Clone(good)
			binary.LittleEndian.PutUint64(b[at:], n)
			binary.LittleEndian.PutUint32(b, Checksum(b[4:snapshotHead]))
			alloctest.Within(t, 1<<10, func() {
				if s, err := DecodeSnapshot(b); err == nil {
					t.Errorf("a length of %d is believed: %v", n, s)
				}
			})
		}
	}
	for n := range good {
		if _, err := DecodeSnapshot(good[:n:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for a snapshot", n, len(good))
		}
	}
}
