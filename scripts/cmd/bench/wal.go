package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"golang.org/x/sys/unix"

	"hb/core/store"
	"hb/core/wire"
)

// walGoal is what is aimed at beside etcd's log with so many entries a sync.
type walGoal struct {
	batch, syncs int
	times        float64
}

var walGoals = []walGoal{{1, 80, 1.15}, {64, 30, 1.5}}

// appender appends and syncs batches, and says how long each took.
type appender func(batch, syncs int) ([]time.Duration, error)

// appenders are those that this program has itself.
var appenders = map[string]func(dir string) (appender, func(), error){"store": storeAppender, "bare": bareAppender}

// wal has hb's store, a bare file that is written the same way and etcd's log,
// if it is there, append and sync the same entries by turns, each in a process of
// its own.
func (b *bench) wal(ctx context.Context) ([]row, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var all []appender
	join := func(p *peer, err error) (end func(), _ error) {
		if err != nil {
			return func() {}, err
		}
		all = append(all, p.append)
		return p.end, nil
	}
	for _, kind := range []string{"store", "bare"} {
		end, err := join(b.worker(kind, self, "-appender", kind))
		if err != nil {
			return nil, err
		}
		defer end()
	}
	if b.peers != "" {
		end, err := join(b.peer("wal"))
		if err != nil {
			return nil, err
		}
		defer end()
	}
	var rows []row
	for _, goal := range walGoals {
		each, err := goal.measure(ctx, all)
		if err != nil {
			return nil, err
		}
		rows = append(rows, goal.row(each))
	}
	if b.peers == "" {
		rows = append(rows, noPeers)
	}
	return rows, nil
}

// append is the appender in another process.
func (p *peer) append(batch, syncs int) ([]time.Duration, error) {
	r, err := p.do(turn{Batch: batch, Syncs: syncs, Bytes: entryBytes})
	return r.Took, err
}

// runAppender is that process: it answers turns until there are no more.
func runAppender(kind string, args []string, in io.Reader, out io.Writer) error {
	open := appenders[kind]
	if open == nil || len(args) != 1 {
		return fmt.Errorf("no appender %q %q", kind, args)
	}
	run, end, err := open(args[0])
	if err != nil {
		return err
	}
	defer end()
	turns, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var t turn
		if err := turns.Decode(&t); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		took, err := run(t.Batch, t.Syncs)
		if err == nil {
			err = answers.Encode(turned{Took: took})
		}
		if err != nil {
			return err
		}
	}
}

// measure gives the median time of one append and sync of each: a mean would be
// that of whoever else the disk served meanwhile.
func (g walGoal) measure(ctx context.Context, all []appender) ([]float64, error) {
	const turns, warm = 30, 1 // short ones: whoever disturbs them disturbs all alike
	took := make([][]time.Duration, len(all))
	for n := range turns + warm {
		for i, run := range all {
			t, err := run(g.batch, g.syncs)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, err
			}
			if n >= warm {
				took[i] = append(took[i], t...)
			}
		}
	}
	var each []float64
	for _, t := range took {
		each = append(each, quantile(t, 0.5).Seconds())
	}
	return each, nil
}

func (g walGoal) row(each []float64) row {
	r := row{
		name: fmt.Sprintf("append and sync, entries at once: %d", g.batch), met: true,
		measured: fmt.Sprintf("%.0f µs; a bare file %.2f × as fast", each[0]*1e6, each[0]/each[1]),
	}
	if len(each) > 2 {
		times := each[2] / each[0]
		r.measured += fmt.Sprintf("; %.2f × as fast as etcd's log (%.0f µs; a bare file %.2f ×)", times, each[2]*1e6, each[2]/each[1])
		r.goal, r.met = fmt.Sprintf("≥ %.2f × etcd's", g.times), times >= g.times
	}
	return r
}

// storeAppender is hb's log as the driver uses it. As in a server each batch
// brings the hard state, too; new segments are made between batches, as they are
// beside them in etcd's.
func storeAppender(dir string) (appender, func(), error) {
	s, _, err := store.OpenDir(dir)
	if err != nil {
		return nil, nil, err
	}
	data, term, index := make([]byte, entryBytes), uint64(1), uint64(0)
	return func(batch, syncs int) (took []time.Duration, err error) {
		for range syncs {
			entries, commit := make([]raftpb.Entry, batch), index
			for i := range entries {
				index++
				at := index
				entries[i] = raftpb.Entry{Term: &term, Index: &at, Data: data}
			}
			from := time.Now()
			records := make([]*wire.Record, 0, batch+1)
			for i := range entries {
				records = append(records, &wire.Record{Body: &wire.Record_Entry{Entry: wire.Marshal(&entries[i])}})
			}
			hard := wire.Marshal(&raftpb.HardState{Term: &term, Vote: &term, Commit: &commit})
			records = append(records, &wire.Record{Body: &wire.Record_HardState{HardState: hard}})
			if err = s.Write(records); err == nil {
				err = s.Sync()
			}
			took = append(took, time.Since(from))
			if err == nil {
				err = s.Prepare()
			}
			if err != nil {
				return nil, err
			}
		}
		return took, nil
	}, func() { s.Close() }, nil
}

// bareAppender writes as many bytes to a file that is laid out, round and round.
func bareAppender(dir string) (appender, func(), error) {
	const size, overhead = 8 << 20, 16
	f, err := os.Create(filepath.Join(dir, "bare"))
	if err != nil {
		return nil, nil, err
	}
	_, err = f.Write(make([]byte, size))
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	off := int64(0)
	return func(batch, syncs int) (took []time.Duration, err error) {
		text := make([]byte, batch*(entryBytes+overhead))
		for range syncs {
			if off+int64(len(text)) > size {
				off = 0
			}
			from := time.Now()
			if _, err = f.WriteAt(text, off); err == nil {
				err = unix.Fdatasync(int(f.Fd()))
			}
			if err != nil {
				return nil, err
			}
			took = append(took, time.Since(from))
			off += int64(len(text))
		}
		return took, nil
	}, func() { f.Close() }, nil
}
