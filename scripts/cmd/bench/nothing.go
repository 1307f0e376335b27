package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"hb/core/control"
	"hb/core/daemon"
)

// idler is a node of this very program: in everything a real one, but that its
// tasks end as soon as they begin and no process is made for them. What is left
// is what the cluster itself takes for a task.
type idler struct {
	Name, Bind, Data, Socket, Seed string
	Slots                          int
}

// run is such a node until SIGTERM.
func (i idler) run() error {
	bind, err := netip.ParseAddrPort(i.Bind)
	if err != nil {
		return err
	}
	o := daemon.Options{
		Version: "bench", Name: i.Name, DataDir: i.Data, Socket: i.Socket, Bind: []netip.AddrPort{bind}, Dev: true,
		Found: i.Seed == "", Slots: i.Slots, Nothing: true, Alone: true, Log: os.Stderr,
	}
	if i.Seed != "" {
		o.Seeds = []string{i.Seed}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return daemon.Run(ctx, o)
}

// runIdler runs the node that a word of JSON describes.
func runIdler(word string) error {
	var i idler
	if err := json.Unmarshal([]byte(word), &i); err != nil {
		return err
	}
	return i.run()
}

// idlerCommand is how a node is started whose tasks are nothing.
func (i *instance) idlerCommand() (program string, args []string) {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	word, err := json.Marshal(idler{i.name, i.addr, i.data(), i.socket(), i.seed, idlerSlots})
	if err != nil {
		panic(err)
	}
	return program, []string{"-idler", string(word)}
}

// idle makes a node one whose tasks are nothing; an array of them takes longer
// than an answer otherwise may.
func idle(i *instance) { i.idle, i.client.Timeout = true, patience }

// idlerSlots is how many tasks such a node has at a time: enough that none waits.
const idlerSlots = 1000

// tasks is how many tasks a second a cluster takes, grants, and sees ended, all
// of it durable, one by one and as elements of arrays.
func (b *bench) tasks(ctx context.Context) ([]row, error) {
	const clients, goal, arrayGoal = 256, 3000.0, 10_000.0
	nodes, end, err := b.clusterOf(3, idle)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := settled(ctx, nodes); err != nil {
		return nil, err
	}
	var rates, arrays []float64
	for range 3 {
		rate, err := taskRate(ctx, nodes, clients, b.length)
		if err != nil {
			return nil, err
		}
		array, err := arrayRate(ctx, nodes[0], arrayElements)
		if err != nil {
			return nil, err
		}
		rates, arrays = append(rates, rate), append(arrays, array)
	}
	same := func(v float64) float64 { return v }
	one, array := median(rates, same), median(arrays, same)
	from := time.Now()
	if err := forkAndExec(ctx, spawned); err != nil {
		return nil, err
	}
	forks := spawned / time.Since(from).Seconds()
	disk, err := measureSync(b.dir)
	if err != nil {
		return nil, err
	}
	return []row{
		{"beside it: writes with fdatasync a second, one at a time", fmt.Sprintf("%.0f", 1/disk.Seconds()), "", true},
		{fmt.Sprintf("beside it: processes a second, fork and exec of true, %d at a time", abreast), fmt.Sprintf("%.0f", forks), "", true},
		{fmt.Sprintf("tasks a second, submit to done, durable, nothing run, clients: %d", clients), fmt.Sprintf("%.0f", one), fmt.Sprintf("≥ %.0f", goal), one >= goal},
		{fmt.Sprintf("elements a second of an array of %d, the same", arrayElements), fmt.Sprintf("%.0f", array), fmt.Sprintf("≥ %.0f", arrayGoal), array >= arrayGoal},
	}, nil
}

// arrayElements is as many as a task may have.
const arrayElements = 10_000

// taskRate has clients submit for a while, and waits for the end of each one's
// last: tasks of one kind are granted in the order of their submits.
func taskRate(ctx context.Context, nodes []*instance, clients int, d time.Duration) (float64, error) {
	last := make([]string, clients)
	from := time.Now()
	l, err := drive(ctx, clients, d, func(n int) putter {
		return func(ctx context.Context) (err error) {
			last[n], err = nodes[n%len(nodes)].submitNothing(ctx, 0)
			return err
		}
	})
	for n, task := range last {
		if err == nil {
			err = nodes[n%len(nodes)].finished(ctx, task)
		}
	}
	return float64(l.done) / time.Since(from).Seconds(), err
}

// arrayRate is the elements a second of one array.
func arrayRate(ctx context.Context, i *instance, elements uint32) (float64, error) {
	from := time.Now()
	task, err := i.submitNothing(ctx, elements)
	if err == nil {
		err = i.finished(ctx, task)
	}
	return float64(elements) / time.Since(from).Seconds(), err
}

func (i *instance) submitNothing(ctx context.Context, elements uint32) (task string, err error) {
	var s control.Submitted
	err = i.ask(ctx, "POST", "/v1/tasks", control.Spec{Argv: []string{"nothing"}, Array: elements}, &s)
	return s.Task, err
}

// finished waits until a task has succeeded, through times without a leader.
func (i *instance) finished(ctx context.Context, task string) error {
	var t control.Task
	var err error
	for range 10 {
		if err = i.ask(ctx, "GET", "/v1/tasks/"+task+"/wait", nil, &t); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if t.Status != "succeeded" {
		return fmt.Errorf("task %s is %s", task, t.Status)
	}
	return nil
}
