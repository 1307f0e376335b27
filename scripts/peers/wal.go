package main

import (
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
)

// etcdWAL is etcd's write-ahead log.
type etcdWAL struct {
	log   *wal.WAL
	index uint64
}

func newWAL(dir string) (worker, error) {
	log, err := wal.Create(nil, filepath.Join(dir, "wal"), nil)
	return &etcdWAL{log: log}, err
}

// do appends and syncs batches. As in a server, each brings the hard state, too.
func (e *etcdWAL) do(w work) (result, error) {
	data, term, vote := make([]byte, w.Bytes), uint64(1), uint64(1)
	var r result
	for range w.Syncs {
		entries := make([]*raftpb.Entry, w.Batch)
		commit := e.index
		for i := range entries {
			e.index++
			index := e.index
			entries[i] = &raftpb.Entry{Term: &term, Index: &index, Data: data}
		}
		from := time.Now()
		if err := e.log.Save(&raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}, entries); err != nil {
			return result{}, err
		}
		r.Took = append(r.Took, time.Since(from).Nanoseconds())
	}
	return r, nil
}
