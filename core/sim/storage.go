package sim

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core/node"
	"hb/core/store"
	"hb/core/wire"
)

// sizes makes files so short that a run of a minute uses many of them.
var sizes = store.Options{Segment: 64 << 10, Journal: 16 << 10}

// storage is the disk of a host and the writer that the driver has for it: one
// thing after the other, in the order of the effects; what waits for the same
// sync shares it.
type storage struct {
	h       *host
	disk    *Disk
	store   *store.Store
	slow    int  // by what factor syncs are slower now
	failing bool // it has given an error, so the node may stop
	rotten  bool // bits of it have turned over
	cutting bool // the power goes in the middle of what it does next
	jobs    []node.Effect
	busy    bool
	snapped uint64 // the index of the last snapshot of this process
}

func newStorage(h *host) *storage {
	return &storage{h: h, slow: 1, disk: NewDisk(h.w.chance(fmt.Sprintf("disk %d", h.i)))}
}

// open opens the data directory for a process that starts.
func (s *storage) open() (*store.Restored, error) {
	opened, restored, err := store.OpenWith(s.disk, sizes)
	if err != nil {
		return nil, err
	}
	s.store, s.jobs, s.busy, s.snapped = opened, nil, false, 0
	return restored, nil
}

// abandon is the end of the process: what it has written stays in the page
// cache, what it had not yet written is gone.
func (s *storage) abandon() {
	if s.store != nil {
		s.store.Close()
	}
	s.store, s.jobs, s.busy = nil, nil, false
}

// latency draws the time of one sync.
func (s *storage) latency() time.Duration {
	o := s.h.w.options.Disk
	d := o.Sync + time.Duration(s.h.luck.ExpFloat64()*float64(o.Jitter))
	return d * time.Duration(s.slow)
}

// put adds a job for the writer.
func (s *storage) put(job node.Effect) {
	s.jobs = append(s.jobs, job)
	if !s.busy {
		s.work()
	}
}

// drafted is a snapshot that is on the disk, but for its name.
type drafted struct {
	node.SaveSnapshot
	draft *store.Draft
}

// draft writes a snapshot of the node's own beside the log, and hands it to the
// writer.
func (s *storage) draft(e node.SaveSnapshot) {
	s.h.ifRunning(s.latency()*3, func() {
		s.h.w.referee.snapshot(s.h, e.Index, e.Ledger.Bytes()) // now, to see that it is what it was
		d, err := store.NewDraft(s.disk, metaOf(e), e.Ledger)
		switch {
		case err == nil:
			s.put(drafted{e, d})
		case errors.Is(err, store.ErrFull):
			s.put(e)
		default:
			s.fail(err)
		}
	})
}

func metaOf(e node.SaveSnapshot) *raftpb.SnapshotMetadata {
	meta := &raftpb.SnapshotMetadata{}
	if err := wire.Unmarshal(e.Meta, meta); err != nil {
		panic(fmt.Sprintf("sim: the node saves a snapshot with metadata %x: %v", e.Meta, err))
	}
	return meta
}

// work begins the next group of jobs.
func (s *storage) work() {
	if len(s.jobs) == 0 {
		return
	}
	s.busy = true
	group := s.jobs[:groupLength(s.jobs)]
	s.jobs = s.jobs[len(group):]
	if len(group) == 0 {
		job := s.jobs[0]
		s.jobs = s.jobs[1:]
		s.h.ifRunning(s.latency()*3, func() { s.alone(job) })
		return
	}
	g := gather(group)
	s.patiently(func() error { return g.write(s.store) }, func() {
		s.h.ifRunning(s.latency(), func() { s.sync(g) })
	})
}

// patiently repeats a call for as long as the disk is full, and goes on then.
func (s *storage) patiently(call func() error, then func()) {
	switch err := call(); {
	case errors.Is(err, store.ErrFull):
		s.h.ifRunning(fullRetry, func() { s.patiently(call, then) })
	case err != nil:
		s.fail(err)
	default:
		then()
	}
}

// groupLength is how many jobs at the head of the queue can share a sync.
func groupLength(jobs []node.Effect) int {
	for i, job := range jobs {
		switch job.(type) {
		case node.Append, node.Journal:
		default:
			return i
		}
	}
	return len(jobs)
}

// group is appends to the log and to the journal under one sync.
type group struct {
	log, journal       []*wire.Record
	logSeq, journalSeq uint64
}

func gather(jobs []node.Effect) (g group) {
	for _, job := range jobs {
		switch e := job.(type) {
		case node.Append:
			g.log, g.logSeq = append(g.log, e.Records...), e.Seq
		case node.Journal:
			g.journal, g.journalSeq = append(g.journal, e.Records...), e.Seq
		}
	}
	return g
}

// write may be repeated after an error: what was written is not written again.
func (g *group) write(s *store.Store) error {
	if len(g.log) > 0 {
		if err := s.Write(g.log); err != nil {
			return err
		}
		g.log = nil
	}
	if len(g.journal) > 0 {
		return s.WriteJournal(g.journal)
	}
	return nil
}

// sync is the moment at which a group is on disk.
func (s *storage) sync(g group) {
	if err := s.syncFiles(g); err != nil {
		s.fail(err)
		return
	}
	life := s.h.life
	if g.logSeq != 0 {
		s.h.deliver(life, node.Synced{Seq: g.logSeq})
	}
	if g.journalSeq != 0 {
		s.h.deliver(life, node.Journaled{Seq: g.journalSeq})
	}
	s.done(life)
}

func (s *storage) syncFiles(g group) error {
	if g.logSeq != 0 {
		if err := s.store.Sync(); err != nil {
			return err
		}
	}
	if g.journalSeq != 0 {
		return s.store.SyncJournal()
	}
	return nil
}

// done lets the writer go on, unless the process ended with what it just heard.
func (s *storage) done(life int) {
	if s.store == nil || s.h.life != life {
		return
	}
	s.busy = false
	if len(s.jobs) == 0 {
		if err := s.store.Prepare(); err != nil && !errors.Is(err, store.ErrFull) {
			s.fail(err)
		}
		return
	}
	s.work()
}

// alone does a job that syncs by itself.
func (s *storage) alone(job node.Effect) {
	var ev node.Event
	s.patiently(func() (err error) { ev, err = s.perform(job); return err }, func() {
		life := s.h.life
		if ev != nil {
			s.h.deliver(life, ev)
		}
		s.done(life)
	})
}

func (s *storage) perform(job node.Effect) (node.Event, error) {
	switch e := job.(type) {
	case drafted:
		return s.saveSnapshot(e.SaveSnapshot, e.draft)
	case node.SaveSnapshot:
		return s.saveSnapshot(e, nil)
	case node.SaveIdentity:
		return node.IdentitySaved{}, s.store.SaveIdentity(e.Identity)
	case node.SetAside:
		return nil, s.store.SetAside()
	}
	return nil, fmt.Errorf("%T is no job for a disk", job)
}

// saveSnapshot does as the real driver does.
func (s *storage) saveSnapshot(e node.SaveSnapshot, draft *store.Draft) (node.Event, error) {
	if e.Ledger != nil && e.Index <= s.snapped {
		if draft != nil {
			draft.Discard()
		}
		return nil, nil
	}
	err := error(store.ErrFull)
	if draft != nil {
		err = s.store.SaveDraft(draft, e.Keep)
	}
	if errors.Is(err, store.ErrFull) {
		if e.Ledger != nil {
			e.Body = e.Ledger.Bytes()
		}
		err = s.store.SaveSnapshot(&raftpb.Snapshot{Data: e.Body, Metadata: metaOf(e)}, e.Keep, e.Replace)
	}
	if err == nil {
		s.snapped = e.Index
	}
	return node.SnapshotSaved{Index: e.Index}, err
}

// cutAfter lets the power go after n more operations of the disk: in the middle
// of a snapshot, or between a new segment and its name.
func (s *storage) cutAfter(n int) {
	s.cutting = true
	s.disk.CutAfter(n)
}

// fail tells the node that its disk does not keep what it is given; unless it
// was the power that went.
func (s *storage) fail(err error) {
	if s.cutting {
		s.h.powerOff()
		return
	}
	s.failing = true
	s.h.later(0, node.DiskFailed{Err: err})
}

// crash is what a power cut does to the disk.
func (s *storage) crash() {
	s.cutting = false
	s.disk.Crash()
}

// save writes a snapshot and an identity at once, before there is a node.
func (s *storage) save(id *wire.Identity, snap *raftpb.Snapshot) error {
	if err := s.store.SaveSnapshot(snap, snap.GetMetadata().GetIndex()+1, true); err != nil {
		return err
	}
	return s.store.SaveIdentity(id)
}
