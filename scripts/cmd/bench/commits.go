package main

import (
	"context"
	"fmt"
	"time"
)

// rival is a cluster of three that is put under load.
type rival struct {
	name  string
	drive func(ctx context.Context, clients int, d time.Duration) (load, error)
	loads map[int][]load // by clients
}

// served makes a rival of processes that clients ask.
func served(name string, client func(n int) putter, pids []int) *rival {
	used := func() (sum time.Duration) {
		for _, pid := range pids {
			cpu, _ := usage(pid)
			sum += cpu
		}
		return sum
	}
	return &rival{name: name, drive: func(ctx context.Context, clients int, d time.Duration) (load, error) {
		before := used()
		l, err := drive(ctx, clients, d, client)
		l.cpu = used() - before
		return l, err
	}}
}

// commits loads three nodes with small entries, and the peers' threes beside
// them, by turns: the machine drifts, so only what was taken side by side compares.
func (b *bench) commits(ctx context.Context) ([]row, error) {
	rivals, end, err := b.rivals(ctx)
	defer end()
	if err != nil {
		return nil, err
	}
	for _, r := range rivals {
		r.loads = map[int][]load{}
		if _, err := r.drive(ctx, 64, time.Second); err != nil { // to warm up
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	const turns = 3
	var rows []row
	for _, goal := range commitGoals {
		for range turns {
			for _, r := range rivals {
				l, err := r.drive(ctx, goal.clients, b.length)
				if err != nil {
					return nil, fmt.Errorf("%s with %d clients: %w", r.name, goal.clients, err)
				}
				r.loads[goal.clients] = append(r.loads[goal.clients], l)
			}
		}
		rows = append(rows, goal.rows(rivals, b.machine)...)
	}
	if len(rivals) == 1 {
		rows = append(rows, noPeers)
	}
	return rows, nil
}

// noPeers stands where ratios are missing.
var noPeers = row{"beside etcd and hashicorp/raft", "SKIPPED: they are not built; scripts/bench --only 'commits|wal' does", "", true}

// rivals starts hb and, if there are any, its peers.
func (b *bench) rivals(ctx context.Context) (all []*rival, end func(), err error) {
	var ends []func()
	end = func() {
		for _, f := range ends {
			f()
		}
	}
	nodes, stop, err := b.cluster(3)
	if err != nil {
		return nil, end, err
	}
	ends = append(ends, stop)
	if err := settled(ctx, nodes); err != nil {
		return nil, end, err
	}
	var pids []int
	for _, i := range nodes {
		pids = append(pids, i.process.Process.Pid)
	}
	all = append(all, served("hb", func(n int) putter { return nodes[n%len(nodes)].put(entryBytes) }, pids))
	if b.peers == "" {
		return all, end, nil
	}
	members, stop, err := b.etcdCluster(ctx, 3)
	if err != nil {
		return nil, end, err
	}
	ends, pids = append(ends, stop), nil
	for _, m := range members {
		pids = append(pids, m.process.Process.Pid)
	}
	all = append(all, served("etcd", func(n int) putter { return members[n%len(members)].put(entryBytes) }, pids))
	library, err := b.peer("raft")
	if err != nil {
		return nil, end, err
	}
	ends = append(ends, library.end)
	return append(all, &rival{name: "hashicorp/raft, no API", drive: library.apply}), end, nil
}

// entryBytes is the size of an entry.
const entryBytes = 256

// commitGoal is what is aimed at beside etcd with so many clients.
type commitGoal struct {
	clients   int
	rate, p99 float64
}

var commitGoals = []commitGoal{{1, 1.5, 0.75}, {64, 2, 0.7}, {256, 2.5, 0.55}}

func (g commitGoal) rows(rivals []*rival, m machine) []row {
	figure := func(of func(load) float64) (figures []float64) {
		for _, r := range rivals {
			figures = append(figures, median(r.loads[g.clients], of))
		}
		return figures
	}
	rate := figure(load.rate)
	p99 := figure(func(l load) float64 { return quantile(l.took, 0.99).Seconds() })
	cpu := figure(func(l load) float64 { return l.cpu.Seconds() / float64(max(l.done, 1)) })
	rows := []row{
		{name: fmt.Sprintf("commits of %d bytes a second, clients: %d", entryBytes, g.clients), measured: beside(rivals, rate, whole), met: true},
		{name: fmt.Sprintf("  p99 of that, clients: %d", g.clients), measured: beside(rivals, p99, inTime), met: true},
		{name: fmt.Sprintf("  processor time of all three a commit, clients: %d", g.clients), measured: beside(rivals, cpu, inTime), met: true},
	}
	if g.clients == 1 {
		rows[0].measured += fmt.Sprintf(" (fdatasyncs: %.0f)", 1/m.fsync.Seconds())
	}
	if len(rivals) > 1 {
		rows[0].goal, rows[0].met = fmt.Sprintf("≥ %.1f × etcd", g.rate), rate[0] >= g.rate*rate[1]
		rows[1].goal, rows[1].met = fmt.Sprintf("≤ %.2f × etcd", g.p99), p99[0] <= g.p99*p99[1]
	}
	return rows
}

// beside writes the first one's figure, and how many times each other's it is.
func beside(rivals []*rival, figures []float64, write func(float64) string) string {
	text := write(figures[0])
	for i, r := range rivals[1:] {
		text += fmt.Sprintf("; %.2f × %s (%s)", figures[0]/figures[i+1], r.name, write(figures[i+1]))
	}
	return text
}

func whole(f float64) string { return fmt.Sprintf("%.0f", f) }

// inTime writes seconds.
func inTime(f float64) string { return short(seconds(f)) }
