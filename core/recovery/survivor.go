package recovery

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/ledger"
	"hb/core/replog"
	"hb/core/store"
	"hb/core/wire"
)

// Survivor is what one data directory holds.
type Survivor struct {
	Where    string // the directory
	Name     string // the node's, as the log has it; else its ID
	Identity *wire.Identity
	// Term and Index are those of the last entry, agreed or not; Commit is how
	// far the log is known to be agreed, Snapshot what its snapshot covers.
	Term, Index, Commit, Snapshot uint64
	// Ledger is what the log means with all of its entries.
	Ledger *ledger.State
	// Voters are those who vote if all entries count.
	Voters []Voter
	// Void says that the log is damaged, so that the node will vote under its raft
	// ID no more; Doubt is up to where the torn last write may have gone: it elects
	// nobody whose log ends before.
	Void                  bool
	DoubtTerm, DoubtIndex uint64
	// Remarks say what is wrong with the directory.
	Remarks []string
}

// Voter is one of those who vote.
type Voter struct {
	Raft       core.RaftID
	Name, Addr string // the ID and "", when the directory in the log has no row
}

// Look reads a data directory. It opens it as a node would, so it is to be given
// a copy (store.Copy) where that must leave no trace. The error is a *core.Fault.
func Look(files store.FS) (*Survivor, error) {
	st, found, err := store.Open(files)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	s := &Survivor{Where: files.Path(""), Identity: found.Identity, Remarks: found.Remarks}
	if found.Identity == nil || len(found.Identity.Cluster) != len(core.ClusterID{}) {
		return nil, core.Faultf(core.CodeBadInput, "%s is no member's data directory", s.Where)
	}
	if found.Damaged != nil {
		s.Void = true
		s.Remarks = append(s.Remarks, fmt.Sprintf("the log is damaged; what is whole is counted: %v", found.Damaged))
	}
	if found.Doubt != nil {
		s.DoubtTerm, s.DoubtIndex = found.Doubt.Term, found.Doubt.Index
		s.Remarks = append(s.Remarks, fmt.Sprintf("the log's last write, up to entry %d, was torn: what it held is missing", found.Doubt.Index))
	}
	if err := s.replay(found); err != nil {
		return nil, err
	}
	s.Name = s.nameOf(core.NodeID(s.Identity.Node))
	if own, told := s.Epoch(), core.Epoch(s.Identity.Epoch); own != told {
		s.Remarks = append(s.Remarks, fmt.Sprintf("a recovery to epoch %v was begun and not finished; the log is still of epoch %v", told, own))
	}
	return s, nil
}

// replay applies the log.
func (s *Survivor) replay(found *store.Restored) error {
	if found.Snapshot == nil { // it has just joined
		s.Ledger = ledger.Empty(core.ClusterID(s.Identity.Cluster), s.Identity.ClusterName, core.Epoch(s.Identity.Epoch))
		return nil
	}
	meta := found.Snapshot.GetMetadata()
	s.Term, s.Index, s.Snapshot = meta.GetTerm(), meta.GetIndex(), meta.GetIndex()
	s.Commit = max(found.Hard.GetCommit(), s.Snapshot)
	var err error
	if s.Ledger, err = decode(found.Snapshot.Data, s.Where); err != nil {
		return err
	}
	for _, raw := range found.Entries {
		if raw.GetIndex() <= s.Snapshot {
			continue
		}
		if err := s.apply(raw); err != nil {
			return err
		}
		s.Term, s.Index = raw.GetTerm(), raw.GetIndex()
	}
	conf, err := replog.ConfAfter(found.Snapshot, found.Entries)
	if err != nil {
		return core.Faultf(core.CodeBadInput, "%s: %v", s.Where, err)
	}
	for _, id := range slices.Concat(conf.GetVoters(), conf.GetVotersOutgoing()) {
		if v := s.voter(core.RaftID(id)); !slices.Contains(s.Voters, v) {
			s.Voters = append(s.Voters, v)
		}
	}
	return nil
}

func (s *Survivor) apply(raw *raftpb.Entry) error {
	e := &wire.Entry{}
	if raw.GetType() == raftpb.EntryNormal {
		var err error
		if e, err = wire.DecodeEntry(raw.Data); err != nil {
			return core.Faultf(core.CodeBadInput, "%s: entry %d: %v", s.Where, raw.GetIndex(), err)
		}
	}
	if err := ledger.Understood(e); err != nil {
		return core.Faultf(core.CodeConfig, "%s: entry %d: %v", s.Where, raw.GetIndex(), err).WithHint("use the newer hb that wrote it")
	}
	s.Ledger.Apply(raw.GetIndex(), e)
	return nil
}

// decode reads the body of a snapshot; where says whose it is.
func decode(body []byte, where string) (*ledger.State, error) {
	state, err := ledger.Decode(body)
	switch {
	case errors.Is(err, wire.ErrVersion):
		return nil, core.Faultf(core.CodeConfig, "%s was written by a newer hb: %v", where, err).WithHint("use the newer hb that wrote it")
	case err != nil:
		return nil, core.Faultf(core.CodeBadInput, "%s cannot be read: %v", where, err)
	}
	return state, nil
}

// Epoch is the epoch of the log.
func (s *Survivor) Epoch() core.Epoch { return s.Ledger.Epoch() }

// Cluster is the cluster of the log.
func (s *Survivor) Cluster() core.ClusterID { return s.Ledger.Cluster() }

// Votes says whether the directory's own node votes.
func (s *Survivor) Votes() bool {
	return slices.ContainsFunc(s.Voters, func(v Voter) bool { return uint64(v.Raft) == s.Identity.Raft })
}

// alone says that the node decides alone: nothing keeps it from starting.
func (s *Survivor) alone() bool {
	return len(s.Voters) == 1 && s.Votes() && core.Epoch(s.Identity.Epoch) == s.Epoch()
}

// elects says whether this node can vote for one with another's log.
func (s *Survivor) elects(o *Survivor) bool {
	return !s.Void && (s.DoubtTerm < o.Term || s.DoubtTerm == o.Term && s.DoubtIndex <= o.Index)
}

// behind says whether another log goes further (Raft §5.4.1).
func (s *Survivor) behind(o *Survivor) bool {
	return s.Term < o.Term || s.Term == o.Term && s.Index < o.Index
}

func (s *Survivor) nameOf(id core.NodeID) string {
	if m, ok := s.Ledger.Member(id); ok {
		return m.Row.Name
	}
	return id.String()
}

func (s *Survivor) voter(raft core.RaftID) Voter {
	for _, m := range s.Ledger.Members() {
		if core.RaftID(m.Row.Raft) == raft {
			return Voter{Raft: raft, Name: m.Row.Name, Addr: m.Row.Addr}
		}
	}
	return Voter{Raft: raft, Name: raft.String()}
}
