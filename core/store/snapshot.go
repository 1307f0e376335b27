package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/wire"
)

// A snapshot file is laid out as core/wire says (snapshot.go there).
const snapDir = "snap"

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
	return replaceFile(fs, snapDir, snapName(metaPosition(snap.GetMetadata())), wire.EncodeSnapshot(snap)...)
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
		snap, err := wire.DecodeSnapshot(b)
		switch {
		case errors.Is(err, wire.ErrVersion):
			return nil, nil, newerSnapshot(path, err)
		case err == nil && metaPosition(snap.Metadata) == p:
			return snap, bad, nil
		case err == nil:
			err = fmt.Errorf("its metadata are not those of its name")
		}
		bad = append(bad, fmt.Sprintf("%s: %v", path, err))
	}
	return nil, bad, nil
}

// newerSnapshot is the fault of a snapshot that a later program wrote.
func newerSnapshot(path string, err error) error {
	return core.Faultf(core.CodeConfig, "%s: %v", path, err).WithHint("start the newer hb that wrote it")
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
