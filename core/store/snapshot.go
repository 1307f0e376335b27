package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// Draft is a snapshot's file, whole and durable, that has not got its name yet:
// to write a large one takes long, and the log need not wait for that. A draft
// that is not saved is removed by the next start, if not by Discard.
type Draft struct {
	fs   FS
	at   position
	name string
}

// NewDraft writes one. It may be called beside everything else that a store
// does, even after its end, but for one position by one caller at a time.
// ErrFull says that it did not fit; any other error is final, as that of Sync.
func NewDraft(fs FS, meta *raftpb.SnapshotMetadata, body wire.Body) (*Draft, error) {
	return newDraft(fs, meta, body, ".draft"+partly)
}

func newDraft(fs FS, meta *raftpb.SnapshotMetadata, body wire.Body, ending string) (*Draft, error) {
	at := metaPosition(meta)
	d := &Draft{fs: fs, at: at, name: snapName(at) + ending}
	err := writeFile(fs, d.name, func(w io.Writer) error { return wire.WriteSnapshot(w, meta, body) })
	if err != nil && err != ErrFull {
		err = fault(fs.Path(d.name), err)
	}
	return d, err
}

// Discard removes a draft that is of no use any more.
func (d *Draft) Discard() { d.fs.Remove(d.name) } // what is left goes with the next start

func saveSnapshot(fs FS, snap *raftpb.Snapshot) error {
	d, err := newDraft(fs, snap.GetMetadata(), bytes.NewReader(snap.GetData()), partly)
	if err != nil {
		return err
	}
	return d.save()
}

// save gives a draft its name.
func (d *Draft) save() error { return moveFile(d.fs, snapDir, d.name, snapName(d.at)) }

// listSnapshots gives the positions on the disk, the newest first, and removes
// unfinished files.
func listSnapshots(fs FS) ([]position, error) {
	names, err := fs.List(snapDir)
	if err != nil {
		return nil, fault(fs.Path(snapDir), err)
	}
	var found []position
	for _, name := range names {
		if strings.HasSuffix(name, partly) {
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
