package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// putter makes one entry durable, as one client of one node does.
type putter func(ctx context.Context) error

// load is what clients that wait for each answer got out of a cluster.
type load struct {
	done int
	took []time.Duration
	over time.Duration
}

func (l load) rate() float64 { return float64(l.done) / l.over.Seconds() }

// drive lets so many clients work for a while, each with its own putter.
func drive(ctx context.Context, clients int, d time.Duration, client func(n int) putter) (load, error) {
	var mu sync.Mutex
	var all load
	var failed error
	var working sync.WaitGroup
	from := time.Now()
	for n := range clients {
		put := client(n)
		working.Go(func() {
			var took []time.Duration
			var err error
			for err == nil && time.Since(from) < d {
				begun := time.Now()
				if err = put(ctx); err == nil {
					took = append(took, time.Since(begun))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all.took = append(all.took, took...)
			if err != nil {
				failed = err
			}
		})
	}
	working.Wait()
	all.done, all.over = len(all.took), time.Since(from)
	return all, failed
}

// rival is a cluster that is put under the same load as hb's.
type rival struct {
	name   string
	client func(n int) putter
	loads  map[int][]load // by clients
}

// commits loads three nodes with small entries, and a peer's three beside them,
// by turns: the machine drifts, so only what was taken side by side compares.
func (b *bench) commits(ctx context.Context) ([]row, error) {
	nodes, end, err := b.cluster(3)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := settled(ctx, nodes); err != nil {
		return nil, err
	}
	rivals := []*rival{{name: "hb", client: func(n int) putter { return nodes[n%len(nodes)].put(entryBytes) }}}
	if b.etcd != "" {
		members, end, err := b.etcdCluster(ctx, 3)
		if err != nil {
			return nil, err
		}
		defer end()
		rivals = append(rivals, &rival{name: "etcd", client: func(n int) putter { return members[n%len(members)].put(entryBytes) }})
	}
	for _, r := range rivals {
		r.loads = map[int][]load{}
		if _, err := drive(ctx, 64, time.Second, r.client); err != nil { // to warm up
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	const turns = 3
	var rows []row
	for _, goal := range commitGoals {
		for range turns {
			for _, r := range rivals {
				l, err := drive(ctx, goal.clients, b.length, r.client)
				if err != nil {
					return nil, fmt.Errorf("%s with %d clients: %w", r.name, goal.clients, err)
				}
				r.loads[goal.clients] = append(r.loads[goal.clients], l)
			}
		}
		rows = append(rows, goal.rows(rivals, b.machine)...)
	}
	return rows, nil
}

// entryBytes is the size of an entry.
const entryBytes = 256

// commitGoal is what is aimed at beside the peer with so many clients.
type commitGoal struct {
	clients   int
	rate, p99 float64
}

var commitGoals = []commitGoal{{1, 1.5, 0.75}, {64, 2, 0.7}, {256, 2.5, 0.55}}

func (g commitGoal) rows(rivals []*rival, m machine) []row {
	rate, p99 := make([]float64, len(rivals)), make([]float64, len(rivals))
	for i, r := range rivals {
		rate[i] = median(r.loads[g.clients], load.rate)
		p99[i] = median(r.loads[g.clients], func(l load) float64 { return quantile(l.took, 0.99).Seconds() })
	}
	one := row{name: fmt.Sprintf("commits of %d bytes a second, clients: %d", entryBytes, g.clients), measured: fmt.Sprintf("%.0f", rate[0]), met: true}
	last := row{name: fmt.Sprintf("  p99 of that, clients: %d", g.clients), measured: short(seconds(p99[0])), met: true}
	if g.clients == 1 {
		one.measured += fmt.Sprintf(" (fdatasyncs: %.0f)", 1/m.fsync.Seconds())
	}
	if len(rivals) > 1 {
		one.measured += fmt.Sprintf(", %s %.0f: %.2f ×", rivals[1].name, rate[1], rate[0]/rate[1])
		one.goal, one.met = fmt.Sprintf("≥ %.1f ×", g.rate), rate[0] >= g.rate*rate[1]
		last.measured += fmt.Sprintf(", %s %s: %.2f ×", rivals[1].name, short(seconds(p99[1])), p99[0]/p99[1])
		last.goal, last.met = fmt.Sprintf("≤ %.2f ×", g.p99), p99[0] <= g.p99*p99[1]
	}
	return []row{one, last}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// median of one figure of several things; 0 of none.
func median[T any](of []T, figure func(T) float64) float64 {
	if len(of) == 0 {
		return 0
	}
	var values []float64
	for _, v := range of {
		values = append(values, figure(v))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// put writes entries of a size through one node.
func (i *instance) put(size int) putter {
	text := make([]byte, size)
	return func(ctx context.Context) error { return i.post(ctx, "/v1/log", text) }
}
