package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core/wire"
)

// A snapshot file, little endian:
//
//	 0  u32  CRC-32C of bytes 4–31
//	 4  8    magic
//	12  u32  format
//	16  u64  length of the metadata
//	24  u64  length of the data
//	32  metadata (a marshalled raftpb.SnapshotMetadata), data
//	    SHA-256 of all before
const (
	snapDir   = "snap"
	snapMagic = "hb-snap\n"
	snapHead  = 32
)

func snapName(p position) string { return fmt.Sprintf("%s/%016x-%016x.snap", snapDir, p.term, p.index) }

// snapPosition reads a file's name.
func snapPosition(name string) (p position, ok bool) {
	_, err := fmt.Sscanf(name, "%16x-%16x.snap", &p.term, &p.index)
	return p, err == nil && snapName(p) == snapDir+"/"+name
}

func metaPosition(m *raftpb.SnapshotMetadata) position {
	return position{m.GetTerm(), m.GetIndex()}
}

func saveSnapshot(fs FS, snap *raftpb.Snapshot) error {
	meta := wire.Marshal(snap.GetMetadata())
	h := make([]byte, snapHead)
	le := binary.LittleEndian
	copy(h[4:], snapMagic)
	le.PutUint32(h[12:], format)
	le.PutUint64(h[16:], uint64(len(meta)))
	le.PutUint64(h[24:], uint64(len(snap.GetData())))
	le.PutUint32(h, castagnoli(h[4:]))
	hash := sha256.New()
	for _, part := range [][]byte{h, meta, snap.GetData()} {
		hash.Write(part)
	}
	return replaceFile(fs, snapDir, snapName(metaPosition(snap.GetMetadata())), h, meta, snap.GetData(), hash.Sum(nil))
}

// decodeSnapshot reads a snapshot file; damage is told in words.
func decodeSnapshot(b []byte, want position) (snap *raftpb.Snapshot, newer uint32, damage string) {
	le := binary.LittleEndian
	if len(b) < snapHead+sha256.Size || string(b[4:12]) != snapMagic || le.Uint32(b) != castagnoli(b[4:snapHead]) {
		return nil, 0, "bad header"
	}
	if f := le.Uint32(b[12:]); f > format {
		return nil, f, ""
	}
	body := b[snapHead : len(b)-sha256.Size]
	n, m := le.Uint64(b[16:]), le.Uint64(b[24:])
	if n > uint64(len(body)) || m != uint64(len(body))-n {
		return nil, 0, fmt.Sprintf("%d bytes long, its header asks for %d", len(b), snapHead+n+m+sha256.Size)
	}
	if sum := sha256.Sum256(b[:len(b)-sha256.Size]); !bytes.Equal(sum[:], b[len(b)-sha256.Size:]) {
		return nil, 0, "bad hash"
	}
	meta := &raftpb.SnapshotMetadata{}
	if err := wire.Unmarshal(body[:n], meta); err != nil || metaPosition(meta) != want {
		return nil, 0, "its metadata are not those of its name"
	}
	return &raftpb.Snapshot{Metadata: meta, Data: body[n:]}, 0, ""
}

// listSnapshots gives the positions on the disk, the newest first, and removes
// unfinished files.
func listSnapshots(fs FS) ([]position, error) {
	names, err := fs.List(snapDir)
	if err != nil {
		return nil, fault(fs.Path(snapDir), err)
	}
	var found []position
	for _, name := range names {
		if strings.HasSuffix(name, ".part") {
			if err := fs.Remove(snapDir + "/" + name); err != nil {
				return nil, fault(fs.Path(snapDir+"/"+name), err)
			}
		}
		if p, ok := snapPosition(name); ok {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b position) int {
		if a.index == b.index {
			a, b = position{index: a.term}, position{index: b.term}
		}
		switch {
		case a.index > b.index:
			return -1
		case a.index < b.index:
			return 1
		}
		return 0
	})
	return found, nil
}

// loadSnapshot gives the newest whole snapshot, and what is wrong with newer ones.
func loadSnapshot(fs FS, found []position) (best *raftpb.Snapshot, bad []string, err error) {
	for _, p := range found {
		path := fs.Path(snapName(p))
		b, err := readFile(fs, snapName(p))
		if err != nil {
			return nil, nil, fault(path, err)
		}
		snap, newer, damage := decodeSnapshot(b, p)
		if newer > 0 {
			return nil, nil, tooNew(path, newer)
		}
		if damage == "" {
			return snap, bad, nil
		}
		bad = append(bad, fmt.Sprintf("%s: %s", path, damage))
	}
	return nil, bad, nil
}

// purgeSnapshots removes all snapshots older than the newest, but for one that
// the log, which begins at first, can still bring up to date.
func purgeSnapshots(fs FS, newest position, first uint64) error {
	found, err := listSnapshots(fs)
	if err != nil {
		return err
	}
	spare := 1
	for _, p := range found {
		if p == newest {
			continue
		}
		if p.index < newest.index && p.index+1 >= first && spare > 0 {
			spare--
			continue
		}
		if err := fs.Remove(snapName(p)); err != nil {
			return fault(fs.Path(snapName(p)), err)
		}
	}
	return fs.SyncDir(snapDir)
}
