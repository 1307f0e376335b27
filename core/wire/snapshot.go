package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"go.etcd.io/raft/v3/raftpb"
)

// A snapshot as a file, on a member's disk or taken away by people, little
// endian:
//
//	 0  u32  CRC-32C of bytes 4–31
//	 4  8    magic
//	12  u32  format
//	16  u64  length of the metadata
//	24  u64  length of the data
//	32  metadata (a marshalled raftpb.SnapshotMetadata), data (Ledger)
//	    SHA-256 of all before
const (
	snapshotMagic  = "hb-snap\n"
	snapshotHead   = 32
	snapshotFormat = 1
)

// Body is what a snapshot holds, wherever that is now: all of it need not be in
// memory as bytes. A bytes.Reader is one.
type Body interface {
	// Size is its length in bytes.
	Size() int64
	// WriteTo writes it, in pieces.
	io.WriterTo
}

// SnapshotSize is the length of a snapshot's file.
func SnapshotSize(meta *raftpb.SnapshotMetadata, body Body) int64 {
	return snapshotHead + int64(len(Marshal(meta))) + body.Size() + sha256.Size
}

// WriteSnapshot writes a snapshot's file.
func WriteSnapshot(w io.Writer, metadata *raftpb.SnapshotMetadata, body Body) error {
	meta, size := Marshal(metadata), body.Size()
	h := make([]byte, snapshotHead)
	le := binary.LittleEndian
	copy(h[4:], snapshotMagic)
	le.PutUint32(h[12:], snapshotFormat)
	le.PutUint64(h[16:], uint64(len(meta)))
	le.PutUint64(h[24:], uint64(size))
	le.PutUint32(h, Checksum(h[4:]))
	hash := sha256.New()
	both := io.MultiWriter(hash, w)
	for _, part := range [][]byte{h, meta} {
		if _, err := both.Write(part); err != nil {
			return err
		}
	}
	if n, err := body.WriteTo(both); err != nil {
		return err
	} else if n != size {
		panic(fmt.Sprintf("wire: a snapshot of %d bytes has written %d", size, n))
	}
	_, err := w.Write(hash.Sum(nil))
	return err
}

// EncodeSnapshot is a snapshot's file in memory.
func EncodeSnapshot(snap *raftpb.Snapshot) []byte {
	var b bytes.Buffer
	if err := WriteSnapshot(&b, snap.GetMetadata(), bytes.NewReader(snap.GetData())); err != nil {
		panic(fmt.Sprintf("wire: memory takes no snapshot: %v", err))
	}
	return b.Bytes()
}

// DecodeSnapshot reads a snapshot's file; the data is not copied. The error is
// an ErrVersion for one of a later format, else an ErrMalformed that says what
// is wrong. What the data means is the ledger's to judge.
func DecodeSnapshot(b []byte) (*raftpb.Snapshot, error) {
	bad := func(format string, args ...any) (*raftpb.Snapshot, error) {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	le := binary.LittleEndian
	switch {
	case len(b) < 12 || string(b[4:12]) != snapshotMagic:
		return bad("it does not begin as a snapshot does")
	case len(b) < snapshotHead:
		return bad("it ends after %d bytes, within its header", len(b))
	case le.Uint32(b) != Checksum(b[4:snapshotHead]):
		return bad("bad header")
	}
	if f := le.Uint32(b[12:]); f > snapshotFormat {
		return nil, fmt.Errorf("format %d, this hb reads up to %d: %w", f, snapshotFormat, ErrVersion)
	}
	n, m := le.Uint64(b[16:]), le.Uint64(b[24:])
	room := uint64(max(len(b)-snapshotHead-sha256.Size, 0))
	if n > room || m != room-n || len(b) < snapshotHead+sha256.Size {
		return bad("%d bytes long, its header asks for %d", len(b), snapshotHead+n+m+sha256.Size)
	}
	if sum := sha256.Sum256(b[:len(b)-sha256.Size]); !bytes.Equal(sum[:], b[len(b)-sha256.Size:]) {
		return bad("bad hash")
	}
	body := b[snapshotHead : len(b)-sha256.Size]
	meta := &raftpb.SnapshotMetadata{}
	if err := Unmarshal(body[:n], meta); err != nil || meta.GetIndex() == 0 {
		return bad("its metadata are unreadable")
	}
	return &raftpb.Snapshot{Metadata: meta, Data: body[n:]}, nil
}

// Checksum is the CRC-32C of bytes: the polynomial that processors compute
// themselves.
func Checksum(b []byte) uint32 { return AddChecksum(0, b) }

// AddChecksum is the Checksum of bytes with that sum and those that follow them.
func AddChecksum(sum uint32, b []byte) uint32 {
	return crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), b)
}
