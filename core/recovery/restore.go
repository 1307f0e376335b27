package recovery

import (
	"errors"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/ledger"
	"hb/core/store"
	"hb/core/wire"
)

// Snapshot is a snapshot that people took away.
type Snapshot struct {
	Where       string
	Index, Term uint64
	Size        int // of the file, in bytes
	Voters      []Voter
	Ledger      *ledger.State
}

// Inspect reads a snapshot's file; where names it in errors. A fault has
// CodeBadInput when it is cut, changed or none at all, CodeConfig when a newer hb
// wrote it.
func Inspect(where string, file []byte) (*Snapshot, error) {
	raw, err := wire.DecodeSnapshot(file)
	switch {
	case errors.Is(err, wire.ErrVersion):
		return nil, core.Faultf(core.CodeConfig, "%s was written by a newer hb: %v", where, err).WithHint("use the newer hb that wrote it")
	case err != nil:
		return nil, core.Faultf(core.CodeBadInput, "%s is no whole snapshot: %v", where, err)
	}
	s := &Snapshot{Where: where, Index: raw.Metadata.GetIndex(), Term: raw.Metadata.GetTerm(), Size: len(file)}
	if s.Ledger, err = decode(raw.Data, where); err != nil {
		return nil, err
	}
	rows := &Survivor{Ledger: s.Ledger}
	for _, id := range raw.Metadata.GetConfState().GetVoters() {
		s.Voters = append(s.Voters, rows.voter(core.RaftID(id)))
	}
	return s, nil
}

// Restored says what became of a restored snapshot.
type Restored struct {
	Kept  string // where the directory's old content is; "" if there was none
	Epoch core.Epoch
	Index uint64
	Node  core.NodeID
}

// Restore makes a data directory that of the only voter of the snapshot's
// cluster, in a new epoch. A directory of another cluster is refused, with
// CodeBadInput; one of the same keeps its node ID; an empty one gets one.
func (s *Snapshot) Restore(files store.FS, r *rand.Rand) (*Restored, error) {
	st, found, err := store.Open(files)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	last, term, epoch := s.Index, s.Term, s.Ledger.Epoch()
	id := found.Identity
	if id != nil && len(id.Cluster) > 0 {
		if cluster := s.Ledger.Cluster(); core.ClusterID(id.Cluster) != cluster {
			return nil, core.Faultf(core.CodeBadInput, "%s is a snapshot of cluster %s (%v); %s belongs to %s (%x)", s.Where,
				s.Ledger.Name(), cluster, files.Path(""), id.ClusterName, id.Cluster).WithHint("name the right snapshot, or another directory with --data")
		}
		// The new epoch comes after all that this directory knows of, too.
		last, term = max(last, position(found)), max(term, found.Hard.GetTerm())
		if told := core.Epoch(id.Epoch); told.Number() > epoch.Number() {
			epoch = told
		}
	}
	out := &Restored{Epoch: epoch.Next(r.Uint64()), Index: last + jump}
	if id = proto.CloneOf(id); id == nil {
		id = &wire.Identity{Format: 1, Node: mint(r)}
	}
	cluster := s.Ledger.Cluster()
	id.Cluster, id.ClusterName, id.Raft, id.Epoch = cluster[:], s.Ledger.Name(), mint(r), uint64(out.Epoch)
	out.Node = core.NodeID(id.Node)
	s.Ledger.Begin(out.Epoch, out.Index, out.Node, core.RaftID(id.Raft))
	if found.Identity != nil {
		out.Kept, err = write(files, st, id, s.Ledger, term+1)
		return out, err
	}
	if err := st.SaveSnapshot(alone(id, s.Ledger, term+1), out.Index+1, true); err != nil {
		return nil, err
	}
	return out, st.SaveIdentity(id) // last: it makes the directory a member's
}

// position is the last index that a directory knows of.
func position(found *store.Restored) uint64 {
	last := found.Snapshot.GetMetadata().GetIndex()
	if n := len(found.Entries); n > 0 {
		last = max(last, found.Entries[n-1].GetIndex())
	}
	if found.Doubt != nil {
		last = max(last, found.Doubt.Index)
	}
	return last
}

// forgottenStarts is more than a node is ever started between a backup of its
// directory and the day the backup is put back.
const forgottenStarts = 1 << 16

// Rejoin puts a member's log and identity aside, deleting nothing, so that its
// node joins its cluster anew, under the same node ID and a new raft ID.
func Rejoin(files store.FS, r *rand.Rand) (*wire.Identity, error) {
	st, found, err := store.Open(files)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	old := found.Identity
	if old == nil || len(old.Cluster) == 0 {
		return nil, core.Faultf(core.CodeBadInput, "%s is no member's data directory: it may join as it is", files.Path(""))
	}
	if err := st.SetAside(); err != nil {
		return nil, err
	}
	again, empty, err := store.Open(files)
	if err != nil {
		return nil, err
	}
	defer again.Close()
	if err := again.SkipStarts(forgottenStarts); err != nil {
		return nil, err
	}
	// The journal went aside, too, and what it knew of earlier starts.
	since := uint32(empty.Instance) + forgottenStarts + 1
	id := &wire.Identity{Format: 1, Node: old.Node, Raft: mint(r), JournalSince: since, Tags: old.Tags, DroppedTags: old.DroppedTags}
	return id, again.SaveIdentity(id)
}
