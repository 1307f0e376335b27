package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"hb/core/control"
)

// The goals of what a long history may cost a node.
const (
	residentGoal = 80.0  // MiB, of entries that leave nothing behind
	recordsGoal  = 256.0 // MiB, of tasks, whose records are kept up to 64 MiB of them
	flatGoal     = 1.2   // from the third quarter of a history to its end
	diskGoal     = 512.0
	restartGoal  = 5 * time.Second
)

// history gives three nodes as many small entries, then as many tasks, as
// --history says, and looks after each what a node holds of that in memory and
// on disk, and how long it takes to come back from kill -9.
func (b *bench) history(ctx context.Context) ([]row, error) {
	nodes, end, err := b.clusterOf(3, idle)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := settled(ctx, nodes); err != nil {
		return nil, err
	}
	var rows []row
	for _, of := range []struct {
		what string
		make func(context.Context, []*instance, int) error
		goal float64
	}{{"entries of 32 bytes", manyEntries, residentGoal}, {"tasks", manyTasks, recordsGoal}} {
		name := fmt.Sprintf("after %d %s", b.past, of.what)
		made, err := b.quarters(ctx, nodes, name, of.make)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", of.what, err)
		}
		after, err := restart(ctx, nodes, name, of.goal)
		if err != nil {
			return nil, err
		}
		rows = append(append(rows, made...), after...)
	}
	return rows, nil
}

// quarters makes a history in four steps, and looks after each at what the nodes
// take.
func (b *bench) quarters(ctx context.Context, nodes []*instance, name string, more func(context.Context, []*instance, int) error) ([]row, error) {
	var seen [4]float64
	from := time.Now()
	for q := range seen {
		if err := more(ctx, nodes, b.past/len(seen)); err != nil {
			return nil, err
		}
		seen[q] = resident(nodes)
	}
	rate := float64(b.past) / time.Since(from).Seconds()
	return []row{
		{name + ": a second", fmt.Sprintf("%.0f", rate), "", true},
		{name + ": resident after each quarter, most of three", fmt.Sprintf("%.0f, %.0f, %.0f, %.0f MiB", seen[0], seen[1], seen[2], seen[3]),
			fmt.Sprintf("flat: last ≤ %.1f × third", flatGoal), seen[3] <= flatGoal*seen[2]},
	}, nil
}

// resident is what the node takes that takes most, in MiB.
func resident(nodes []*instance) (most float64) {
	for _, i := range nodes {
		_, rss := usage(i.process.Process.Pid)
		most = max(most, float64(rss)/(1<<20))
	}
	return most
}

// manyEntries has 256 clients write notes.
func manyEntries(ctx context.Context, nodes []*instance, n int) error {
	const clients = 256
	var begun atomic.Int64
	puts := make([]putter, len(nodes))
	for k, i := range nodes {
		puts[k] = i.put(32)
	}
	_, err := drive(ctx, clients, time.Hour, func(k int) putter {
		return func(ctx context.Context) error {
			if begun.Add(1) > int64(n) {
				return errEnough
			}
			return puts[k%len(puts)](ctx)
		}
	})
	if err == errEnough {
		return nil
	}
	return err
}

var errEnough = fmt.Errorf("it is enough")

// manyTasks runs arrays of nothing.
func manyTasks(ctx context.Context, nodes []*instance, n int) error {
	for ; n > 0; n -= arrayElements {
		task, err := nodes[0].submitNothing(ctx, uint32(min(n, arrayElements)))
		if err == nil {
			err = nodes[0].finished(ctx, task)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// restart looks at the nodes as they are, then kills one and starts it again.
func restart(ctx context.Context, nodes []*instance, name string, goal float64) ([]row, error) {
	most, disk := resident(nodes), 0.0
	for _, i := range nodes {
		disk = max(disk, float64(size(i.data()))/(1<<20))
	}
	i := nodes[len(nodes)-1]
	var before, now control.Status
	if err := i.ask(ctx, "GET", "/v1/status", nil, &before); err != nil {
		return nil, err
	}
	if err := i.kill(); err != nil {
		return nil, err
	}
	from := time.Now()
	if err := i.start(); err != nil {
		return nil, err
	}
	err := i.await(ctx, 5*time.Millisecond, "be where it was", func() bool {
		return i.ask(ctx, "GET", "/v1/status", nil, &now) == nil && position(now) >= position(before)
	})
	took := time.Since(from)
	cpu, _ := usage(i.process.Process.Pid)
	back := within(name+": kill -9 to where it was", took, restartGoal)
	back.measured += fmt.Sprintf(", of it processor %s", short(cpu))
	return []row{
		{name + ": resident, most of three", fmt.Sprintf("%.0f MiB", most), fmt.Sprintf("≤ %.0f MiB", goal), most <= goal},
		{name + ": on disk, most of three", fmt.Sprintf("%.0f MiB", disk), fmt.Sprintf("≤ %.0f MiB", diskGoal), disk <= diskGoal},
		back,
		{name + ": resident, the one that came back", fmt.Sprintf("%.0f MiB", resident(nodes[len(nodes)-1:])), fmt.Sprintf("≤ %.0f MiB", goal), resident(nodes[len(nodes)-1:]) <= goal},
	}, err
}

// position is up to where a node has the log.
func position(s control.Status) uint64 {
	if s.Applied == nil {
		return 0
	}
	n, _ := strconv.ParseUint(*s.Applied, 10, 64)
	return n
}

// size is what the files under a directory hold.
func size(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it was removed meanwhile
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
