package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// The names in a data directory.
const (
	idName       = "id"
	instanceName = "instance"
	walDir       = "wal"
	journalDir   = "journal"
)

// Open opens a data directory, creates what is missing, and gives what it
// holds. An error is a *core.Fault: CodeBusy when another process has it,
// CodeDenied without permission, CodeConfig when it was written in a newer
// format, CodeIO when the disk fails or the identity itself cannot be read.
// Damage to the log is no error, see Restored.
func Open(fs FS) (*Store, *Restored, error) { return OpenWith(fs, Options{}) }

// OpenDir opens the data directory at a path of this machine, which is made if it is
// not there. The errors are those of Open.
func OpenDir(dir string) (*Store, *Restored, error) {
	files, err := OS(dir)
	if err != nil {
		return nil, nil, err
	}
	return Open(files)
}

// OpenWith is Open with other sizes.
func OpenWith(fs FS, options Options) (*Store, *Restored, error) {
	release, err := fs.Lock()
	if err != nil {
		return nil, nil, fault(fs.Path(""), err)
	}
	if options.Segment == 0 {
		options.Segment = 8 << 20
	}
	if options.Journal == 0 {
		options.Journal = 1 << 20
	}
	s := &Store{fs: fs, release: release}
	s.wal.chain = chain{fs: fs, dir: walDir, magic: "hb-wal\n\n", size: options.Segment}
	s.journal.chain = chain{fs: fs, dir: journalDir, magic: "hb-jour\n", size: options.Journal}
	s.journal.live = map[uint64][][]byte{}
	r := &Restored{}
	if err := s.restore(r); err != nil {
		s.closeFiles()
		release()
		return nil, nil, err
	}
	return s, r, nil
}

// restore reads everything. What it writes on the way is safe to repeat: the
// next start finds the same again.
func (s *Store) restore(r *Restored) error {
	if err := s.restoreIdentity(r); err != nil {
		return err
	}
	if err := s.restoreInstance(r); err != nil {
		return err
	}
	for _, dir := range []string{walDir, snapDir, journalDir} {
		if err := s.fs.MkdirAll(dir); err != nil {
			return fault(s.fs.Path(dir), err)
		}
	}
	// Names that an earlier process gave and did not live to sync.
	for _, dir := range []string{"", walDir, snapDir, journalDir} {
		if err := s.fs.SyncDir(dir); err != nil {
			return fault(s.fs.Path(dir), err)
		}
	}
	if s.id == nil {
		// A founding, or a departure, that was not finished.
		where, err := setAside(s.fs)
		if err != nil {
			return err
		}
		if where != "" {
			r.Remarks = append(r.Remarks, fmt.Sprintf("%s has no identity: what else was there is now in %s", s.fs.Path(""), s.fs.Path(where)))
		}
	}
	if err := s.restoreJournal(r); err != nil {
		return err
	}
	return s.restoreLog(r)
}

func (s *Store) restoreIdentity(r *Restored) error {
	content, good, err := readSealed(s.fs, idName)
	if missing(err) {
		return nil
	} else if err != nil {
		return s.lost(idName, err)
	}
	id := &wire.Identity{}
	if err := wire.Unmarshal(content, id); err != nil {
		return s.lost(idName, errUnreadable)
	}
	if id.Format > format {
		return tooNew(s.fs.Path(idName), id.Format)
	}
	s.id, r.Identity = id, proto.CloneOf(id)
	if good {
		return nil
	}
	r.Remarks = append(r.Remarks, fmt.Sprintf("%s: one of its two copies was damaged; mended", s.fs.Path(idName)))
	if err := writeSealed(s.fs, idName, content); err != nil {
		return fault(s.fs.Path(idName), err)
	}
	return nil
}

// lost is the fault of a file without which the node does not know who it is.
func (s *Store) lost(name string, err error) error {
	return fault(s.fs.Path(name), err).WithHint("if it cannot be brought back, move the directory away and join as a new node")
}

// restoreInstance raises the counter of starts. One that went back would make
// this node look older than its dead self.
func (s *Store) restoreInstance(r *Restored) error {
	content, good, err := readSealed(s.fs, instanceName)
	switch {
	case missing(err) && s.id == nil:
		content, good = make([]byte, 4), true
	case missing(err):
		return s.lost(instanceName, errors.New("missing, but there is an identity"))
	case err != nil:
		return s.lost(instanceName, err)
	case len(content) != 4:
		return s.lost(instanceName, errUnreadable)
	}
	if !good {
		r.Remarks = append(r.Remarks, fmt.Sprintf("%s: one of its two copies was damaged; mended", s.fs.Path(instanceName)))
	}
	r.Instance = core.Instance(binary.LittleEndian.Uint32(content) + 1)
	return s.writeInstance(r.Instance)
}

func (s *Store) writeInstance(to core.Instance) error {
	if err := writeSealed(s.fs, instanceName, binary.LittleEndian.AppendUint32(nil, uint32(to))); err != nil {
		return fault(s.fs.Path(instanceName), err)
	}
	s.instance = to
	return nil
}

// SkipStarts raises the counter of starts by more than one, durably, for a
// directory that may have forgotten some: it was put back from a backup.
func (s *Store) SkipStarts(n uint32) error { return s.writeInstance(s.instance + core.Instance(n)) }

func (s *Store) restoreJournal(r *Restored) error {
	j := &s.journal
	f, err := j.load(j.visit)
	if err != nil {
		return err
	}
	if j.newer {
		return newerRecord(s.fs.Path(journalDir))
	}
	if f.damaged == "" && len(j.segs) == 0 {
		if s.id != nil {
			f.damaged = fmt.Sprintf("%s: all segments are missing", s.fs.Path(journalDir))
		} else if err := j.open(0, 0); err != nil {
			return fault(s.fs.Path(journalDir), err)
		}
	}
	if f.damaged != "" {
		r.JournalDamaged = core.Faultf(core.CodeIO, "%s", f.damaged)
	}
	if f.torn {
		r.JournalTorn = true
		r.Remarks = append(r.Remarks, f.why+": dropped; what it held was never acted upon, unless the disk changed it since")
	}
	r.Journal, err = j.records()
	return err
}

func (s *Store) restoreLog(r *Restored) error {
	found, err := listSnapshots(s.fs)
	if err != nil {
		return err
	}
	snap, bad, err := loadSnapshot(s.fs, found)
	if err != nil {
		return err
	}
	w := &s.wal
	f, err := w.load(w.visit)
	if err != nil {
		return err
	}
	if w.newer {
		return newerRecord(s.fs.Path(walDir))
	}
	s.snap = metaPosition(snap.GetMetadata())
	rest, superseded, gap := w.settle(s.snap)
	w.entries = nil
	s.attached = len(rest) > 0
	none := ""
	if len(w.segs) == 0 && s.id != nil {
		none = s.fs.Path(walDir) + ": all segments are missing"
	}
	s.damaged = firstOf(f.damaged, none, gap)
	if s.damaged != "" && gap == s.damaged && len(bad) > 0 {
		s.damaged += "; " + strings.Join(bad, "; ")
	}
	if s.damaged != "" {
		r.Damaged = core.Faultf(core.CodeIO, "%s", s.damaged)
	} else if len(bad) > 0 {
		r.Remarks = append(r.Remarks, strings.Join(bad, "; ")+"; the log was complete without it")
	}
	if f.torn {
		r.Remarks = append(r.Remarks, f.why)
		w.doubtful(f.claim, s.id.GetRaft())
	}
	if w.doubt != nil {
		r.Doubt = &Doubt{w.doubt.term, w.doubt.index}
	}
	if err := s.goOn(f, superseded); err != nil {
		return err
	}
	r.Snapshot = snap
	return s.hand(r, rest)
}

// goOn makes the log ready for its next frame, unless it is damaged: then it
// stays as it is until the node has a new raft ID.
func (s *Store) goOn(f fate, superseded bool) error {
	w := &s.wal
	var records []*wire.Record
	if superseded {
		records = append(records, markRecord(s.snap))
	}
	switch {
	case s.damaged != "":
		return nil
	case len(w.segs) == 0:
		return s.whole(w.open(0, doubtSize))
	case !f.torn && !superseded:
		return nil
	}
	if err := w.write(records); err != nil {
		return s.whole(err)
	}
	return s.whole(w.sync())
}

// whole makes a fault of an error at the start, where even ErrFull is one.
func (s *Store) whole(err error) error {
	if err == nil {
		return nil
	}
	return fault(s.fs.Path(walDir), err)
}

// hand gives the log as the engine wants it.
func (s *Store) hand(r *Restored, rest []entry) error {
	for _, e := range rest {
		m := &raftpb.Entry{}
		if err := wire.Unmarshal(e.raw, m); err != nil {
			return core.Faultf(core.CodeIO, "%s: entry %d: %v", s.fs.Path(walDir), e.index, err)
		}
		r.Entries = append(r.Entries, m)
	}
	if s.wal.hard == nil {
		return nil
	}
	end := s.snap.index + uint64(len(rest))
	r.Hard = proto.CloneOf(s.wal.hard)
	// The commit index is a hint that may be older than the snapshot, or (in
	// the frame before an entry's own) younger than what was kept.
	r.Hard.Commit = proto.Uint64(min(max(r.Hard.GetCommit(), s.snap.index), end))
	return nil
}

func newerRecord(path string) error {
	return core.Faultf(core.CodeConfig, "%s holds records of a kind that this hb does not know", path).
		WithHint("start the newer hb that wrote it")
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}
