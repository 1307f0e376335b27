package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"hb/core/control"
)

// queue fills the queue of a drained node and looks at what that costs: its
// memory, a restart, and lists.
func (b *bench) queue(ctx context.Context) ([]row, error) {
	nodes, end, err := b.cluster(1)
	if err != nil {
		return nil, err
	}
	defer end()
	n := nodes[0]
	usable := func() bool {
		var l control.Leader
		return n.ask(ctx, "GET", "/v1/leader", nil, &l) == nil && l.Confirmed
	}
	if err := n.await(ctx, 5*time.Millisecond, "lead", usable); err != nil {
		return nil, err
	}
	if err := n.ask(ctx, "POST", "/v1/drain", map[string]bool{}, &struct{}{}); err != nil {
		return nil, err
	}
	took, err := n.fill(ctx, b.queued)
	if err != nil {
		return nil, err
	}
	_, before := usage(n.process.Process.Pid)
	rows := []row{{fmt.Sprintf("%d tasks submitted, one request each", b.queued), fmt.Sprintf("%s (%.0f/s)", short(took), float64(b.queued)/took.Seconds()), "", true}}
	listed, err := b.lists(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := n.kill(); err != nil {
		return nil, err
	}
	from := time.Now()
	if err := n.start(); err != nil {
		return nil, err
	}
	if err := n.await(ctx, 5*time.Millisecond, "lead again", usable); err != nil {
		return nil, err
	}
	restart := time.Since(from)
	_, after := usage(n.process.Process.Pid)
	const goal = 150.0
	most := float64(max(before, after)) / 1e6
	rows = append(rows,
		row{fmt.Sprintf("resident memory with %d queued, before and after a restart", b.queued),
			fmt.Sprintf("%.0f MB, %.0f MB", float64(before)/1e6, float64(after)/1e6), fmt.Sprintf("%.0f MB", goal), most <= goal},
		within(fmt.Sprintf("killed with %d queued, leads again", b.queued), restart, 2*time.Second))
	return append(rows, listed...), nil
}

// fill submits tasks over many connections at once.
func (i *instance) fill(ctx context.Context, tasks int) (time.Duration, error) {
	const clients = 64
	var next atomic.Int64
	var first atomic.Pointer[error]
	var all sync.WaitGroup
	from := time.Now()
	for range clients {
		all.Go(func() {
			for next.Add(1) <= int64(tasks) && first.Load() == nil {
				var s control.Submitted
				if err := i.ask(ctx, "POST", "/v1/tasks", control.Spec{Argv: []string{"true"}}, &s); err != nil {
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	if err := first.Load(); err != nil {
		return 0, *err
	}
	return time.Since(from), nil
}

// lists times hb tasks: until its first lines, until its last, and of the newest.
func (b *bench) lists(ctx context.Context, i *instance) ([]row, error) {
	run := func(args ...string) (first, last time.Duration, err error) {
		cmd := exec.CommandContext(ctx, b.hb, args...)
		cmd.Env = append(os.Environ(), "HB_SOCKET="+i.socket())
		out, err := cmd.StdoutPipe()
		if err != nil {
			return 0, 0, err
		}
		from := time.Now()
		if err := cmd.Start(); err != nil {
			return 0, 0, err
		}
		buffer := make([]byte, 1<<16)
		for {
			n, err := out.Read(buffer)
			if n > 0 && first == 0 {
				first = time.Since(from)
			}
			if err != nil {
				break
			}
		}
		return first, time.Since(from), cmd.Wait()
	}
	first, last, err := run("tasks")
	if err != nil {
		return nil, err
	}
	_, newest, err := run("tasks", "--limit", "20")
	if err != nil {
		return nil, err
	}
	r := within("hb tasks: its first lines", first, 200*time.Millisecond)
	r.measured += fmt.Sprintf(" (all %d: %s)", b.queued, short(last))
	return []row{r, within("hb tasks --limit 20, whole run", newest, 200*time.Millisecond)}, nil
}
