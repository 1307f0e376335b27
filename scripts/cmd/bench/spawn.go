package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hb/core/control"
)

const (
	// abreast is how many processes run at once.
	abreast = 8
	// spawned is how many are started in one round, spawnRounds how many rounds
	// there are of each way, by turns: on a shared machine the rate drifts.
	spawned     = 1500
	spawnRounds = 3
)

// spawn compares the rate at which one member runs `true`, durably, with that at
// which this machine forks and executes it at all.
func (b *bench) spawn(ctx context.Context) ([]row, error) {
	const goal = 0.8
	nodes, end, err := b.clusterOf(1, func(i *instance) { i.flags = []string{"--slots", fmt.Sprint(abreast)} })
	if err != nil {
		return nil, err
	}
	defer end()
	client := control.NewClient(nodes[0].socket())
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := client.Wait(limited, []string{"ready", "leader"}); err != nil {
		return nil, err
	}
	ways := []*spawnWay{
		{run: func() error { return forkAndExec(ctx, spawned) }},
		{run: func() error { return runArray(ctx, client, spawned) }},
		{run: func() error { return runEach(ctx, client, spawned) }},
	}
	for range spawnRounds {
		for _, w := range ways {
			before := taken(nodes[0])
			from := time.Now()
			if err := w.run(); err != nil {
				return nil, err
			}
			w.rates = append(w.rates, spawned/time.Since(from).Seconds())
			w.cpu = append(w.cpu, float64((taken(nodes[0])-before).Microseconds())/spawned)
		}
	}
	floor, rate, each := middle(ways[0].rates), middle(ways[1].rates), middle(ways[2].rates)
	return []row{
		{fmt.Sprintf("fork and exec of true, %d at a time, on %d processors", abreast, runtime.NumCPU()), fmt.Sprintf("%.0f/s", floor), "", true},
		{fmt.Sprintf("true on one member, %d at a time, an array of %d, durable", abreast, spawned),
			fmt.Sprintf("%.0f/s, %.2f × fork and exec, %.0f µs of hb's own a task", rate, rate/floor, middle(ways[1].cpu)), fmt.Sprintf("≥ %.1f ×", goal), rate >= goal*floor},
		{fmt.Sprintf("the same, each submitted by itself, by %d clients that wait", abreast),
			fmt.Sprintf("%.0f/s, %.2f ×, %.0f µs", each, each/floor, middle(ways[2].cpu)), "", true},
	}, nil
}

// spawnWay is one of several by which the same is done by turns: how many a second, and
// the processor time in microseconds that hb itself takes for each.
type spawnWay struct {
	run        func() error
	rates, cpu []float64
}

// taken is the processor time of a node and of its runner process, its only child,
// without that of the tasks.
func taken(i *instance) time.Duration {
	pid := i.process.Process.Pid
	sum, _ := usage(pid)
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, thread := range threads {
		children, _ := os.ReadFile(thread)
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				used, _ := usage(n)
				sum += used
			}
		}
	}
	return sum
}

// middle is the median of a few rates.
func middle(rates []float64) float64 {
	slices.Sort(rates)
	return rates[len(rates)/2]
}

// shared lets several workers do so many things together.
func shared(ctx context.Context, times int, do func() error) error {
	var left atomic.Int64
	left.Store(int64(times))
	var once sync.Once
	var failed error
	var working sync.WaitGroup
	for range abreast {
		working.Go(func() {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				if err := do(); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	working.Wait()
	if failed == nil {
		failed = context.Cause(ctx)
	}
	return failed
}

// forkAndExec is the floor: nothing but processes.
func forkAndExec(ctx context.Context, times int) error {
	path, err := exec.LookPath("true")
	if err != nil {
		return err
	}
	nothing, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer nothing.Close()
	return shared(ctx, times, func() error {
		p, err := os.StartProcess(path, []string{"true"}, &os.ProcAttr{Files: []*os.File{nothing, nothing, nothing}})
		if err == nil {
			_, err = p.Wait()
		}
		return err
	})
}

// runArray runs so many elements of one task.
func runArray(ctx context.Context, client *control.Client, times int) error {
	return runTask(ctx, client, control.Spec{Argv: []string{"true"}, Array: uint32(times)})
}

// runEach runs so many tasks of their own.
func runEach(ctx context.Context, client *control.Client, times int) error {
	return shared(ctx, times, func() error {
		return runTask(ctx, client, control.Spec{Argv: []string{"true"}})
	})
}

func runTask(ctx context.Context, client *control.Client, spec control.Spec) error {
	s, err := client.Submit(ctx, spec)
	if err != nil {
		return err
	}
	task, err := client.WaitTask(ctx, s.Task)
	if err == nil && task.Status != "succeeded" {
		err = fmt.Errorf("task %s is %s", s.Task, task.Status)
	}
	return err
}
