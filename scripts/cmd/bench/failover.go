package main

import (
	"context"
	"fmt"
	"time"

	"hb/core/control"
)

// away is a way in which a leader goes, and comes back.
type away struct {
	name        string
	times       int
	goal        time.Duration // for the median
	take, bring func(*instance) error
}

// nextLeader takes the leader of three voters away until another one is
// confirmed by a quorum and commits, then gives it back. A killed process is
// refused by its kernel at once; a frozen one is silent, like a machine that
// lost its power; one that hands over is there all the time.
func (b *bench) nextLeader(ctx context.Context) ([]row, error) {
	nodes, end, err := b.cluster(3)
	if err != nil {
		return nil, err
	}
	defer end()
	still := func(*instance) error { return nil }
	var rows []row
	for _, way := range []away{
		{"leader killed", b.kills, 150 * time.Millisecond, (*instance).kill, (*instance).start},
		{"leader frozen", (b.kills + 1) / 2, 800 * time.Millisecond, (*instance).freeze, (*instance).thaw},
		{"leader asked to hand over", b.kills, 50 * time.Millisecond, func(i *instance) error { return i.handOver(ctx) }, still},
	} {
		r, err := way.measure(ctx, nodes)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	stalled, err := b.stalledLeader(ctx)
	return append(rows, stalled...), err
}

// measure takes as many leaders away as the way says.
func (w away) measure(ctx context.Context, nodes []*instance) (row, error) {
	var took []time.Duration
	for range w.times {
		d, err := w.changeLeader(ctx, nodes)
		if err != nil {
			return row{}, fmt.Errorf("%s: %w", w.name, err)
		}
		took = append(took, d)
	}
	r := within(fmt.Sprintf("%s, next one commits (median of %d)", w.name, len(took)), quantile(took, 0.5), w.goal)
	r.measured += ", slowest " + short(quantile(took, 1))
	return r, nil
}

func (w away) changeLeader(ctx context.Context, nodes []*instance) (time.Duration, error) {
	if err := settled(ctx, nodes); err != nil {
		return 0, err
	}
	old, err := leader(ctx, nodes)
	if err != nil {
		return 0, err
	}
	from := time.Now()
	err = w.take(old)
	if err == nil {
		err = succeeded(ctx, nodes, old)
	}
	took := time.Since(from)
	if e := w.bring(old); err == nil {
		err = e
	}
	return took, err
}

// handOver asks the node to give leadership to whom it likes.
func (i *instance) handOver(ctx context.Context) error {
	return i.post(ctx, "/v1/leader/transfer", []byte("{}"))
}

// succeeded waits until a survivor knows another leader, a quorum agrees, and an
// entry is committed there.
func succeeded(ctx context.Context, nodes []*instance, old *instance) error {
	return await(ctx, 2*time.Millisecond, "a leader after "+old.name, func() bool {
		for _, i := range nodes {
			var l control.Leader
			if i == old || i.ask(ctx, "GET", "/v1/leader?stale=true", nil, &l) != nil || l.Name == nil || *l.Name == old.name {
				continue
			}
			if i.ask(ctx, "GET", "/v1/leader", nil, &l) == nil && l.Confirmed && *l.Name != old.name {
				return i.put(1)(ctx) == nil
			}
		}
		return false
	})
}
