package node

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/ledger"
	"hb/core/lock"
	"hb/core/replog"
	"hb/core/wire"
)

// This file is how snapshots come and go. What takes long (reading one, encoding
// one, writing one) is done by the driver, beside the steps.

// saving is a snapshot of this node's own, until it is on disk.
type saving struct {
	meta   *raftpb.SnapshotMetadata
	ledger *ledger.Version
}

// Decode reads a snapshot's body. It may be called anywhere.
func (f DecodeSnapshot) Decode() SnapshotDecoded {
	ev := SnapshotDecoded{Index: f.Index, Term: f.Term}
	if ev.Ledger, ev.Err = ledger.Decode(f.Body); ev.Err == nil {
		ev.Version = ev.Ledger.Version()
		ev.Version.Encode()
	}
	return ev
}

// takeFirst makes the snapshot that the disk has the ledger.
func (n *Node) takeFirst(s *raftpb.Snapshot) replog.Body {
	at := s.GetMetadata()
	ev := DecodeSnapshot{Index: at.GetIndex(), Term: at.GetTerm(), Body: s.GetData()}.Decode()
	if ev.Err != nil {
		n.stop(unreadable(ev))
		return nil
	}
	if f := n.ownLog(ev.Ledger); f != nil {
		n.stop(f)
		return nil
	}
	n.ledger = ev.Ledger
	n.tooOld()
	return ev.Version
}

// unreadable is the fault of a snapshot that this program cannot read.
func unreadable(ev SnapshotDecoded) *core.Fault {
	if errors.Is(ev.Err, wire.ErrVersion) {
		return core.Faultf(core.CodeConfig, "the snapshot at index %d was written by a newer hb: %v", ev.Index, ev.Err).
			WithHint("the cluster runs a newer hb: install the same here")
	}
	return core.Faultf(core.CodeInternal, "the snapshot at index %d cannot be read: %v", ev.Index, ev.Err)
}

// snapshotDecoded says whether what a peer gave is a snapshot of this log.
func (n *Node) snapshotDecoded(ev SnapshotDecoded) {
	why := ""
	if errors.Is(ev.Err, wire.ErrVersion) {
		n.stop(unreadable(ev))
		return
	} else if ev.Err != nil {
		why = ev.Err.Error()
	} else if ev.Ledger.Cluster() != n.self.cluster || ev.Ledger.Epoch() != n.self.epoch {
		why = fmt.Sprintf("it is of cluster %s, epoch %v, not of this one", ev.Ledger.Cluster(), ev.Ledger.Epoch())
	} else if applied := ev.Ledger.Applied(); applied > ev.Index {
		why = fmt.Sprintf("it is said to be up to entry %d, and is up to %d", ev.Index, applied)
	}
	n.decoded = ev
	n.replogStep(replog.Examined{Index: ev.Index, Term: ev.Term, Body: ev.Version, Why: why})
	n.decoded = SnapshotDecoded{}
}

// install replaces the ledger by a snapshot that came from a peer.
func (n *Node) install(s *raftpb.Snapshot) {
	at := s.Metadata
	if n.decoded.Ledger == nil || n.decoded.Index != at.GetIndex() {
		panic(fmt.Sprintf("node: a snapshot at %d is installed, and examined was %d", at.GetIndex(), n.decoded.Index))
	}
	if n.ledger = n.decoded.Ledger; n.tooOld() {
		return
	}
	n.barForgotten()
	for _, m := range n.ledger.Members() {
		n.agreedChanged(m)
	}
	n.keys.changed = true
	n.lockStep(lock.Changed{})
	n.admission.look = n.now
	n.put(SaveSnapshot{Index: at.GetIndex(), Term: at.GetTerm(), Meta: encodeMeta(at), Body: s.Data, Keep: at.GetIndex() + 1, Replace: true})
}

// makeSnapshot has the ledger written as it is now.
func (n *Node) makeSnapshot(f replog.WantSnapshot) {
	meta := &raftpb.SnapshotMetadata{Index: &f.Index, Term: &f.Term, ConfState: f.Conf}
	n.saving = saving{meta, n.ledger.Version()}
	n.put(SaveSnapshot{Index: f.Index, Term: f.Term, Meta: encodeMeta(meta), Ledger: n.saving.ledger, Keep: f.Keep})
}

// snapshotSaved tells the log what stands in a snapshot of this node's own, and
// of any that it is on disk.
func (n *Node) snapshotSaved(ev SnapshotSaved) {
	if s := n.saving; s.meta.GetIndex() == ev.Index && s.ledger != nil {
		n.replogStep(replog.SnapshotMade{Snapshot: &raftpb.Snapshot{Metadata: s.meta}, Body: s.ledger})
		n.saving = saving{}
	}
	n.replogStep(replog.Saved{Index: ev.Index})
}

// askSnapshot gives the ledger to a client.
func (n *Node) askSnapshot(id uint64, q GetSnapshot) {
	give := func() {
		index := n.ledger.Applied()
		term, ok := n.replog.TermAt(index)
		if !ok {
			n.reply(id, core.Faultf(core.CodeBusy, "this node has not applied anything of the log yet"), true)
			return
		}
		n.reply(id, SnapshotView{
			Meta:   &raftpb.SnapshotMetadata{Index: &index, Term: &term, ConfState: n.replog.Conf()},
			Ledger: n.ledger.Version(),
		}, true)
	}
	if q.Stale {
		give()
		return
	}
	n.readIndex(true, func(res readResult) {
		if !res.ok {
			n.reply(id, n.noQuorum().WithHint("hb snapshot save --stale saves what this node has"), true)
			return
		}
		give()
	})
}

func encodeMeta(m *raftpb.SnapshotMetadata) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("node: the metadata of a snapshot do not encode: %v", err))
	}
	return b
}
