package replog

import (
	"fmt"
	"slices"

	"hb/core"
	"hb/core/wire"

	"go.etcd.io/raft/v3/confchange"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// confAfter is the configuration after an entry that changes it, worked out as
// the engine does it, for members that run none.
func confAfter(conf *raftpb.ConfState, e *raftpb.Entry) (*raftpb.ConfState, error) {
	change, err := readConfChange(e)
	if err != nil {
		return nil, err
	}
	trk := tracker.MakeProgressTracker(1, 0)
	changer := confchange.Changer{Tracker: trk, LastIndex: e.GetIndex()}
	var cfg tracker.Config
	var progress tracker.ProgressMap
	cfg, progress, err = confchange.Restore(changer, conf)
	if err == nil {
		changer.Tracker.Config, changer.Tracker.Progress = cfg, progress
		if change.LeaveJoint() {
			cfg, progress, err = changer.LeaveJoint()
		} else if auto, joint := change.EnterJoint(); joint {
			cfg, progress, err = changer.EnterJoint(auto, change.Changes...)
		} else {
			cfg, progress, err = changer.Simple(change.Changes...)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("entry %d changes %v by %v: %w", e.GetIndex(), conf, change, err)
	}
	changer.Tracker.Config, changer.Tracker.Progress = cfg, progress
	return changer.Tracker.ConfState(), nil
}

// ConfAfter is the configuration after entries that follow a snapshot, agreed or
// not: who would vote if all of them were.
func ConfAfter(s *raftpb.Snapshot, entries []*raftpb.Entry) (*raftpb.ConfState, error) {
	conf := s.GetMetadata().GetConfState()
	for _, e := range entries {
		if !changesConf(e) || e.GetIndex() <= s.GetMetadata().GetIndex() {
			continue
		}
		var err error
		if conf, err = confAfter(conf, e); err != nil {
			return nil, err
		}
	}
	return conf, nil
}

// changesConf says whether an entry changes the configuration.
func changesConf(e *raftpb.Entry) bool { return e.GetType() != raftpb.EntryNormal }

func readConfChange(e *raftpb.Entry) (*raftpb.ConfChangeV2, error) {
	if e.GetType() == raftpb.EntryConfChange {
		var cc raftpb.ConfChange
		err := wire.Unmarshal(e.GetData(), &cc)
		return cc.AsV2(), err
	}
	cc := &raftpb.ConfChangeV2{}
	err := wire.Unmarshal(e.GetData(), cc)
	return cc, err
}

func joint(conf *raftpb.ConfState) bool { return len(conf.GetVotersOutgoing()) > 0 }

// votersOf gives the voters of both sides, sorted.
func votersOf(conf *raftpb.ConfState) []core.RaftID {
	return sortedIDs(conf.GetVoters(), conf.GetVotersOutgoing())
}

// learnersOf gives the learners, sorted.
func learnersOf(conf *raftpb.ConfState) []core.RaftID { return sortedIDs(conf.GetLearners()) }

func sortedIDs(lists ...[]uint64) []core.RaftID {
	var ids []core.RaftID
	for _, list := range lists {
		for _, id := range list {
			ids = append(ids, core.RaftID(id))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func isVoter(conf *raftpb.ConfState, id core.RaftID) bool {
	return slices.Contains(conf.GetVoters(), uint64(id)) || slices.Contains(conf.GetVotersOutgoing(), uint64(id))
}

// runsEngine says whether a raft ID votes or learns.
func runsEngine(conf *raftpb.ConfState, id core.RaftID) bool {
	return isVoter(conf, id) || slices.Contains(conf.GetLearners(), uint64(id))
}

// onlyVoter says whether a raft ID decides alone.
func onlyVoter(conf *raftpb.ConfState, id core.RaftID) bool {
	return len(conf.GetVoters()) == 1 && conf.GetVoters()[0] == uint64(id) && !joint(conf)
}
