package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core/alloctest"
)

func exampleSnapshot() *raftpb.Snapshot {
	index, term := uint64(7), uint64(3)
	return &raftpb.Snapshot{
		Data:     []byte("the ledger"),
		Metadata: &raftpb.SnapshotMetadata{Index: &index, Term: &term, ConfState: &raftpb.ConfState{Voters: []uint64{1, 2, 3}}},
	}
}

func exampleFile() []byte { return EncodeSnapshot(exampleSnapshot()) }

func TestASnapshotComesBackFromItsFile(t *testing.T) {
	got, err := DecodeSnapshot(exampleFile())
	if err != nil || !proto.Equal(got, exampleSnapshot()) {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestASnapshotThatIsCutOrChangedIsRefused(t *testing.T) {
	whole := exampleFile()
	for n := range len(whole) {
		if _, err := DecodeSnapshot(whole[:n]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[n] ^= 1 << bit
			if _, err := DecodeSnapshot(flipped); !errors.Is(err, ErrMalformed) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, n, err)
			}
		}
	}
	if _, err := DecodeSnapshot(append(whole, 0)); !errors.Is(err, ErrMalformed) {
		t.Fatalf("with a byte too many: %v", err)
	}
}

func TestASnapshotOfALaterFormatIsNamedAsSuch(t *testing.T) {
	b := exampleFile()
	b[12] = 2
	binary.LittleEndian.PutUint32(b, Checksum(b[4:snapshotHead]))
	if _, err := DecodeSnapshot(b); !errors.Is(err, ErrVersion) {
		t.Fatal(err)
	}
}

// signed gives bytes the header's sum and the hash that a file like them would have.
func signed(b []byte) []byte {
	if len(b) < snapshotHead+sha256.Size {
		return b
	}
	b = bytes.Clone(b)
	copy(b[4:], snapshotMagic)
	le := binary.LittleEndian
	if n := le.Uint64(b[16:]); n <= uint64(len(b)-snapshotHead-sha256.Size) {
		le.PutUint64(b[24:], uint64(len(b)-snapshotHead-sha256.Size)-n)
	}
	le.PutUint32(b, Checksum(b[4:snapshotHead]))
	sum := sha256.Sum256(b[:len(b)-sha256.Size])
	copy(b[len(b)-sha256.Size:], sum[:])
	return b
}

// FuzzDecodeSnapshot: a file is read as it was written, or not at all.
func FuzzDecodeSnapshot(f *testing.F) {
	f.Add(exampleFile())
	f.Add(exampleFile()[:50])
	f.Add(make([]byte, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		if snap, err := DecodeSnapshot(b); err != nil {
			b = signed(b) // or else the hash hides the rest
		} else if snap == nil {
			t.Fatal("it gives nothing")
		}
		var snap *raftpb.Snapshot
		var err error
		alloctest.Within(t, allowance(len(b))/4+1024, func() { snap, err = DecodeSnapshot(b) })
		if err != nil {
			return
		}
		again, err := DecodeSnapshot(EncodeSnapshot(snap))
		if err != nil || !proto.Equal(snap, again) {
			t.Fatalf("%v came back as %v, %v", snap, again, err)
		}
	})
}
