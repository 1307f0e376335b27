package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"hb/core/control"
)

// fullView is the time from the start of five processes until each shows five
// members alive.
func (b *bench) fullView(ctx context.Context) ([]row, error) {
	const goal, rounds, size = 3 * time.Second, 3, 5
	var took []time.Duration
	for range rounds {
		from := time.Now()
		nodes, end, err := b.cluster(size)
		if err != nil {
			return nil, err
		}
		for _, i := range nodes {
			if err = i.await(ctx, 5*time.Millisecond, "see all members", func() bool { return i.sees(ctx, size) }); err != nil {
				break
			}
		}
		took = append(took, time.Since(from))
		end()
		if err != nil {
			return nil, err
		}
	}
	return []row{within("five nodes, start to full view (median of 3)", quantile(took, 0.5), goal)}, nil
}

// submit times one task after another, each alone in the cluster, asked of the
// leader and of another member.
func (b *bench) submit(ctx context.Context) ([]row, error) {
	nodes, end, err := b.cluster(3)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := settled(ctx, nodes); err != nil {
		return nil, err
	}
	lead, err := leader(ctx, nodes)
	if err != nil {
		return nil, err
	}
	other := nodes[0]
	if other == lead {
		other = nodes[1]
	}
	floor := b.machine.fsync + b.machine.roundTrip
	rows, err := requests(ctx, lead)
	if err != nil {
		return nil, err
	}
	for _, via := range []struct {
		name string
		node *instance
	}{{"leader", lead}, {"another member", other}} {
		durable, started, err := b.submitTo(ctx, via.node)
		if err != nil {
			return nil, err
		}
		r := within(fmt.Sprintf("submit durable on three nodes, asked of %s, p50", via.name), quantile(durable, 0.5), 4*floor)
		r.measured += fmt.Sprintf(" (p99 %s)", short(quantile(durable, 0.99)))
		r.goal += fmt.Sprintf(" = 4 × (fsync + round trip %s)", short(floor))
		rows = append(rows, r)
		r = within(fmt.Sprintf("submit to started, idle, asked of %s, p50", via.name), quantile(started, 0.5), 10*time.Millisecond)
		r.measured += fmt.Sprintf(" (p99 %s)", short(quantile(started, 0.99)))
		rows = append(rows, r)
	}
	return rows, nil
}

// requests times what every request pays: the socket alone, and a quorum round
// without a disk. They have no goals; they tell where the time of a submit goes.
func requests(ctx context.Context, i *instance) ([]row, error) {
	var rows []row
	for _, r := range []struct{ name, path string }{
		{"a request answered by the node alone, p50", "/v1/leader?stale=true"},
		{"a request confirmed by a quorum, no disk, p50", "/v1/leader"},
	} {
		took, err := medianOf(200, func(int) error { return i.ask(ctx, "GET", r.path, nil, &control.Leader{}) })
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{r.name, short(took), "", true})
	}
	return rows, nil
}

func (b *bench) submitTo(ctx context.Context, i *instance) (durable, started []time.Duration, err error) {
	const warm = 3
	for n := range b.submits + warm {
		var s control.Submitted
		wall, from := time.Now(), time.Now()
		if err := i.ask(ctx, "POST", "/v1/tasks", control.Spec{Argv: []string{"true"}}, &s); err != nil {
			return nil, nil, err
		}
		took := time.Since(from)
		var t control.Task
		err := i.await(ctx, 5*time.Millisecond, "end task "+s.Task, func() bool {
			return i.ask(ctx, "GET", "/v1/tasks/"+s.Task, nil, &t) == nil && t.Ended != nil
		})
		if err != nil {
			return nil, nil, err
		}
		if t.Status != "succeeded" || len(t.Attempts) == 0 || t.Attempts[0].Started == nil {
			return nil, nil, fmt.Errorf("task %s is %s after %d attempts", s.Task, t.Status, len(t.Attempts))
		}
		if n >= warm {
			durable = append(durable, took)
			// One machine, one wall clock.
			started = append(started, t.Attempts[0].Started.Sub(wall))
		}
	}
	return durable, started, nil
}

// commands times whole processes, from fork to exit.
func (b *bench) commands(ctx context.Context) ([]row, error) {
	const goal, runs, warm = 15 * time.Millisecond, 30, 3
	nodes, end, err := b.cluster(3)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := settled(ctx, nodes); err != nil {
		return nil, err
	}
	run := func(name string, args ...string) (time.Duration, error) {
		var took []time.Duration
		for n := range runs + warm {
			cmd := exec.CommandContext(ctx, name, args...)
			cmd.Env = append(os.Environ(), "HB_SOCKET="+nodes[0].socket())
			from := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				return 0, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
			}
			if n >= warm {
				took = append(took, time.Since(from))
			}
		}
		return quantile(took, 0.5), nil
	}
	nothing, err := run("true")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, args := range [][]string{{"members"}, {"leader"}, {"leader", "--stale"}, {"status"}} {
		took, err := run(b.hb, args...)
		if err != nil {
			return nil, err
		}
		r := within("hb "+strings.Join(args, " ")+", whole run, p50", took, goal)
		r.measured += fmt.Sprintf(" (true: %s)", short(nothing))
		rows = append(rows, r)
	}
	return rows, nil
}

// simulator runs five whole nodes in virtual time on one core.
func (b *bench) simulator(ctx context.Context) ([]row, error) {
	const virtual, goal = time.Minute, 100.0
	var rows []row
	for _, kind := range []struct{ name, flag string }{{"without faults", "--calm"}, {"with all faults", "--calm=false"}} {
		cmd := exec.CommandContext(ctx, b.seeds, "--seed", "1", "--nodes", "5", "--once", "--time", virtual.String(), kind.flag)
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		from := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		times := virtual.Seconds() / time.Since(from).Seconds()
		rows = append(rows, row{"simulator, five nodes, one core, " + kind.name, fmt.Sprintf("%.0f × real time", times), fmt.Sprintf("%.0f ×", goal), times >= goal})
	}
	return rows, nil
}

// within makes the row of a duration that should not pass a goal.
func within(name string, measured, goal time.Duration) row {
	return row{name, short(measured), "≤ " + short(goal), measured <= goal}
}
