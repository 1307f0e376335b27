package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// patience is how long three nodes may take to elect a leader, and an entry to
// be applied.
const patience = 30 * time.Second

// hashicorp is three voters in one process, each with a log on the disk, over
// TCP on loopback: the consensus without any API in front of it.
type hashicorp struct{ leader *raft.Raft }

func newRaft(dir string) (worker, error) {
	var nodes []*raft.Raft
	var servers []raft.Server
	for k := range 3 {
		node, at, err := newNode(fmt.Sprint("n", k), filepath.Join(dir, fmt.Sprint(k)))
		if err != nil {
			return nil, err
		}
		nodes, servers = append(nodes, node), append(servers, at)
	}
	if err := nodes[0].BootstrapCluster(raft.Configuration{Servers: servers}).Error(); err != nil {
		return nil, err
	}
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		for _, node := range nodes {
			if node.State() == raft.Leader && node.VerifyLeader().Error() == nil {
				return hashicorp{node}, nil
			}
		}
	}
	return nil, errors.New("hashicorp/raft elects no leader")
}

func newNode(name, dir string) (*raft.Raft, raft.Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, raft.Server{}, err
	}
	log, err := wal.Open(dir)
	if err != nil {
		return nil, raft.Server{}, err
	}
	transport, err := raft.NewTCPTransport("127.0.0.1:0", nil, 3, 10*time.Second, io.Discard)
	if err != nil {
		return nil, raft.Server{}, err
	}
	config := raft.DefaultConfig()
	config.LocalID, config.Logger = raft.ServerID(name), hclog.NewNullLogger()
	node, err := raft.NewRaft(config, nothing{}, log, log, raft.NewInmemSnapshotStore(), transport)
	return node, raft.Server{ID: config.LocalID, Address: transport.LocalAddr()}, err
}

// do applies entries from several goroutines, each when its last one is through.
func (h hashicorp) do(w work) (result, error) {
	var mu sync.Mutex
	var all result
	var failed error
	var working sync.WaitGroup
	data, cpu, from := make([]byte, w.Bytes), usedCPU(), time.Now()
	for range w.Clients {
		working.Go(func() {
			var took []int64
			var err error
			for err == nil && time.Since(from) < time.Duration(w.Nanos) {
				begun := time.Now()
				if err = h.leader.Apply(data, patience).Error(); err == nil {
					took = append(took, time.Since(begun).Nanoseconds())
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all.Took = append(all.Took, took...)
			failed = errors.Join(failed, err)
		})
	}
	working.Wait()
	all.Nanos, all.CPU = time.Since(from).Nanoseconds(), (usedCPU() - cpu).Nanoseconds()
	return all, failed
}

// usedCPU is the processor time that this process has had.
func usedCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// nothing is a state machine that has no state.
type nothing struct{}

func (nothing) Apply(*raft.Log) any                 { return nil }
func (nothing) Snapshot() (raft.FSMSnapshot, error) { return nothing{}, nil }
func (nothing) Restore(r io.ReadCloser) error       { return r.Close() }
func (nothing) Persist(s raft.SnapshotSink) error   { return s.Close() }
func (nothing) Release()                            {}
