package daemon

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"hb/core/node"
	"hb/core/store"
	"hb/core/wire"
)

// disk is the data directory as the writer sees it; *store.Store is one.
type disk interface {
	Write(records []*wire.Record) error
	Sync() error
	WriteJournal(records []*wire.Record) error
	SyncJournal() error
	SaveSnapshot(snap *raftpb.Snapshot, keep uint64, replace bool) error
	SaveDraft(d *store.Draft, keep uint64) error
	SaveIdentity(id *wire.Identity) error
	SetAside() error
	Prepare() error
	Close() error
}

// fullRetry is how often a full disk is tried again. Meanwhile the node sees a
// disk that takes long, and a leader gives its office away for that.
const fullRetry = time.Second

// maxFrame bounds the records of one frame of the log, in bytes about.
const maxFrame = 8 << 20

// diskWriter carries out the effects that promise something, in their order,
// and tells the loop what is kept. Whatever queued up during one sync goes to
// disk under the next: one frame, one sync, however many wait.
type diskWriter struct {
	disk    disk
	box     *mailbox[node.Effect]
	tell    func(node.Event) bool
	log     func(warn bool, text string)
	figures *figures
	quit    <-chan struct{} // ends the patience with a full disk
	// retry is how often a full disk is tried; default fullRetry.
	retry time.Duration

	wal, journal group
	snapped      uint64 // the index of the last snapshot
	aside        bool   // nothing may be written any more
}

// group is what goes to disk under the next sync.
type group struct {
	records []*wire.Record
	seq     uint64
	bytes   int
	pending bool
}

func (g *group) add(seq uint64, records []*wire.Record) {
	g.records, g.seq, g.pending = append(g.records, records...), seq, true
	for _, r := range records {
		g.bytes += proto.Size(r)
	}
}

// run writes until the box is closed and empty, or the disk fails.
func (w *diskWriter) run() {
	defer w.disk.Close()
	for {
		effects, ok := w.box.take(nil)
		if !ok {
			return
		}
		if err := w.write(effects); err != nil {
			w.tell(node.DiskFailed{Err: err})
			return
		}
		// With nothing else to do, the next file of the log is made ready.
		if err := w.disk.Prepare(); err != nil && !errors.Is(err, store.ErrFull) {
			w.tell(node.DiskFailed{Err: err})
			return
		}
	}
}

// write carries out a batch: appends are gathered up to the next effect of
// another kind, which must find them on disk.
func (w *diskWriter) write(effects []node.Effect) error {
	for _, f := range effects {
		if err := w.one(f); err != nil {
			return err
		}
	}
	return w.flush()
}

func (w *diskWriter) one(f node.Effect) error {
	switch f := f.(type) {
	case node.Append:
		w.wal.add(f.Seq, f.Records)
	case node.Journal:
		w.journal.add(f.Seq, f.Records)
	default:
		if err := w.flush(); err != nil {
			return err
		}
		return w.barrier(f)
	}
	if w.wal.bytes+w.journal.bytes > maxFrame {
		return w.flush()
	}
	return nil
}

// flush puts the groups on disk and says so.
func (w *diskWriter) flush() error {
	if g := w.wal; g.pending {
		w.wal = group{}
		err := w.patiently(func() error { return w.disk.Write(g.records) })
		if err == nil {
			giveWay()
			err = timed(w.figures.log, w.disk.Sync)
		}
		if err != nil {
			return err
		}
		w.tell(node.Synced{Seq: g.seq})
	}
	if g := w.journal; g.pending {
		w.journal = group{}
		err := w.patiently(func() error { return w.disk.WriteJournal(g.records) })
		if err == nil {
			giveWay()
			err = timed(w.figures.journal, w.disk.SyncJournal)
		}
		if err != nil {
			return err
		}
		w.tell(node.Journaled{Seq: g.seq})
	}
	return nil
}

// giveWay lets run first what shares a processor with the writer: a sync keeps
// that processor until the scheduler takes it away, which may take as long as
// the sync, and the answer to a client may stand in line there.
func giveWay() { runtime.Gosched() }

// barrier carries out an effect that is durable when it returns.
func (w *diskWriter) barrier(f node.Effect) error {
	switch f := f.(type) {
	case drafted:
		return w.saveSnapshot(f.SaveSnapshot, f.draft)
	case node.SaveSnapshot:
		return w.saveSnapshot(f, nil)
	case node.SaveIdentity:
		if err := w.patiently(func() error { return w.disk.SaveIdentity(f.Identity) }); err != nil {
			return err
		}
		w.tell(node.IdentitySaved{})
	case node.SetAside:
		w.aside = true
		return w.disk.SetAside()
	default:
		panic(fmt.Sprintf("an effect that is not the disk's: %T", f))
	}
	return nil
}

// drafted is a snapshot of the node's own that is on the disk, but for its name.
type drafted struct {
	node.SaveSnapshot
	draft *store.Draft
}

// saveSnapshot puts a snapshot into its place; without a draft it is written here.
func (w *diskWriter) saveSnapshot(f node.SaveSnapshot, draft *store.Draft) error {
	if f.Ledger != nil && (w.aside || f.Index <= w.snapped) {
		if draft != nil {
			draft.Discard()
		}
		return nil // meanwhile another came from a peer
	}
	err := error(store.ErrFull)
	if draft != nil {
		err = w.disk.SaveDraft(draft, f.Keep)
	}
	if errors.Is(err, store.ErrFull) {
		if f.Ledger != nil {
			f.Body = f.Ledger.Bytes()
		}
		err = w.patiently(func() error { return w.disk.SaveSnapshot(snapshotOf(f), f.Keep, f.Replace) })
	}
	if err != nil {
		return err
	}
	w.snapped = f.Index
	w.tell(node.SnapshotSaved{Index: f.Index})
	return nil
}

func snapshotOf(f node.SaveSnapshot) *raftpb.Snapshot {
	snap := &raftpb.Snapshot{Data: f.Body, Metadata: &raftpb.SnapshotMetadata{}}
	if err := wire.Unmarshal(f.Meta, snap.Metadata); err != nil {
		panic(fmt.Sprintf("the node saves a snapshot with metadata %x: %v", f.Meta, err))
	}
	return snap
}

// patiently repeats a call for as long as the disk is full.
func (w *diskWriter) patiently(call func() error) error {
	err := call()
	if !errors.Is(err, store.ErrFull) {
		return err
	}
	w.log(true, "the disk is full: nothing is accepted until there is room")
	pause := fullRetry
	if w.retry > 0 {
		pause = w.retry
	}
	for errors.Is(err, store.ErrFull) {
		select {
		case <-time.After(pause):
			err = call()
		case <-w.quit:
			return err
		}
	}
	if err == nil {
		w.log(false, "the disk has room again")
	}
	return err
}
