// Command peers is what scripts/bench puts beside hb: the stock etcd server, its
// write-ahead log by itself, and hashicorp/raft with its own. It is a module of
// its own, so that nothing of theirs is needed to build hb.
//
//	peers etcd FLAGS…   the etcd server (its module cannot be installed by name)
//	peers raft DIR      three nodes of hashicorp/raft in this process
//	peers wal DIR       etcd's write-ahead log
//
// The last two work when they are told to, one line of JSON for another: then
// they and hb take turns, and meet the same machine.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

// work is one turn.
type work struct {
	Clients int   // raft: how many apply at once
	Nanos   int64 // raft: for how long
	Batch   int   // wal: entries under one sync
	Syncs   int   // wal: how many syncs
	Bytes   int   // of an entry
}

// result is what came of it.
type result struct {
	Took  []int64 // each apply, or each append and sync, in nanoseconds
	Nanos int64   // raft: all of it
	CPU   int64   // raft: processor time of this process
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: peers etcd|raft|wal …"))
	}
	switch what := os.Args[1]; what {
	case "etcd":
		etcdmain.Main(append([]string{"etcd"}, os.Args[2:]...))
	case "raft":
		fail(turns(newRaft))
	case "wal":
		fail(turns(newWAL))
	default:
		fail(fmt.Errorf("there is no peer %q", what))
	}
}

// worker does what it is told.
type worker interface {
	do(w work) (result, error)
}

// turns answers lines until there are no more.
func turns(open func(dir string) (worker, error)) error {
	if len(os.Args) != 3 {
		return fmt.Errorf("a directory is needed")
	}
	peer, err := open(os.Args[2])
	if err != nil {
		return err
	}
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		var w work
		if err := json.Unmarshal(in.Bytes(), &w); err != nil {
			return err
		}
		r, err := peer.do(w)
		if err != nil {
			return err
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return in.Err()
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}
