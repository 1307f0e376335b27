package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"hb/core"
	"hb/core/control"
	"hb/scripts/linear"
)

// load is clients that append notes, submit tasks and read at all nodes of a
// cluster until it ends, and remember all they were told.
type load struct {
	c     *cluster
	begun time.Time
	end   context.CancelFunc
	work  sync.WaitGroup

	mutex    sync.Mutex
	history  []linear.Operation
	notes    map[uint64]string // acknowledged, by index
	tasks    []string          // acknowledged
	checked  uint64            // up to here all nodes were found to have the notes
	asked    int
	answered int
	covered  int // notes that a node had only under a snapshot when they were looked for
}

const (
	// think is how long a client rests between two requests, impatience how long
	// it waits for an answer.
	think      = 15 * time.Millisecond
	impatience = 5 * time.Second
)

// begin starts clients.
func (c *cluster) begin(clients int) *load {
	ctx, end := context.WithCancel(c.t.Context())
	l := &load{c: c, begun: time.Now(), end: end, notes: map[uint64]string{}}
	for i := range clients {
		l.work.Go(func() { l.client(ctx, i) })
	}
	c.t.Cleanup(l.stop)
	return l
}

// stop ends the clients and waits for them.
func (l *load) stop() {
	l.end()
	l.work.Wait()
}

func (l *load) client(ctx context.Context, number int) {
	var ways []*control.Client
	for _, n := range l.c.nodes {
		way := control.NewClient(n.socket)
		way.NoReconnect = true
		ways = append(ways, way)
	}
	luck := rand.New(rand.NewPCG(uint64(number), 1))
	for i := 0; ctx.Err() == nil; i++ {
		way := ways[luck.IntN(len(ways))]
		patient, done := context.WithTimeout(ctx, impatience)
		switch dice := luck.IntN(100); {
		case dice < 70:
			l.append(patient, way, fmt.Sprintf("note %d of client %d", i, number))
		case dice < 75:
			l.submit(patient, way)
		case dice < 90:
			l.read(patient, way, luck)
		default:
			l.leader(patient, way)
		}
		done()
		select {
		case <-ctx.Done():
		case <-time.After(think):
		}
	}
}

// since is a moment of the history.
func (l *load) since() time.Duration { return time.Since(l.begun) }

// add remembers an operation that began at a moment and is over now.
func (l *load) add(began time.Duration, answered bool, o linear.Operation) {
	o.Call, o.Return = began, l.since()
	if !answered {
		o.Return = linear.Forever
	}
	l.history = append(l.history, o)
}

func (l *load) append(ctx context.Context, way *control.Client, text string) {
	began := l.since()
	a, err := way.Append(ctx, []byte(text))
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.asked++
	if err != nil {
		return // it may be in the log or not, and nobody was told
	}
	l.answered++
	index, _ := strconv.ParseUint(a.Index, 10, 64)
	l.notes[index] = text
	l.add(began, true, linear.Operation{Object: "the log", Do: linear.Append, Number: index})
}

func (l *load) submit(ctx context.Context, way *control.Client) {
	began := l.since()
	var random [10]byte
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	task := core.MintTaskID(time.Now().UnixMilli(), random).String()
	spec := control.Spec{Task: &task, Name: "true"}
	if l.c.token == "" { // --dev nodes run anything, and define nothing
		spec.Argv = []string{"true"}
	}
	_, err := way.Submit(ctx, spec)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.asked++
	l.add(began, err == nil, linear.Operation{Object: "task " + task, Do: linear.Submit, Task: task})
	if err == nil {
		l.answered++
		l.tasks = append(l.tasks, task)
	}
}

func (l *load) read(ctx context.Context, way *control.Client, luck *rand.Rand) {
	l.mutex.Lock()
	task := ""
	if n := len(l.tasks); n > 0 {
		task = l.tasks[n-1-luck.IntN(min(n, 10))]
	}
	l.mutex.Unlock()
	if task == "" {
		return
	}
	began := l.since()
	t, err := way.Task(ctx, task)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.asked++
	var fault *core.Fault
	switch {
	case err == nil:
		l.answered++
		l.add(began, true, linear.Operation{Object: "task " + task, Do: linear.Read, Progress: progress(t)})
	case errors.As(err, &fault) && fault.Code == core.CodeUnheard:
		l.add(began, true, linear.Operation{Object: "task " + task, Do: linear.Read})
	}
}

func progress(t *control.Task) linear.Progress {
	p := linear.Progress{Known: true}
	if n := len(t.Attempts); n > 0 {
		p.Attempts = int(t.Attempts[n-1].N)
	}
	if t.Ended != nil {
		p.Final = t.Status
	}
	return p
}

func (l *load) leader(ctx context.Context, way *control.Client) {
	began := l.since()
	v, err := way.Leader(ctx, false)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.asked++
	if err != nil || !v.Confirmed || v.Term == nil {
		return
	}
	l.answered++
	term, _ := strconv.ParseUint(*v.Term, 10, 64)
	l.add(began, true, linear.Operation{Object: "the leader", Do: linear.Lead, Number: term})
}

// lost checks that every node has every note that was acknowledged up to now and
// not checked before, at the index that was told. All nodes must run.
func (l *load) lost(t *testing.T) {
	t.Helper()
	l.mutex.Lock()
	told, last := map[uint64]string{}, l.checked
	for index, text := range l.notes {
		if index > l.checked {
			told[index] = text
		}
		last = max(last, index)
	}
	from := l.checked + 1
	l.mutex.Unlock()
	for _, n := range l.c.nodes {
		l.c.must(n, "wait", fmt.Sprintf("applied=%d", last), "--timeout", "120s")
		found, first := n.notesFrom(t, from)
		for index, text := range told {
			if index < first {
				l.covered++ // a snapshot has taken the place of that part of its log
			} else if found[index] != text {
				t.Errorf("%s: %q was acknowledged at index %d; there is %q", n.name, text, index, found[index])
			}
		}
	}
	l.mutex.Lock()
	l.checked = last
	l.mutex.Unlock()
}

// notesFrom are the notes in a node's log from an index on, and the first entry
// from there on that it still has.
func (n *node) notesFrom(t *testing.T, from uint64) (found map[uint64]string, first uint64) {
	t.Helper()
	found = map[uint64]string{}
	err := control.NewClient(n.socket).Log(t.Context(), from, false, func(e *control.Entry) error {
		index, err := strconv.ParseUint(e.Index, 10, 64)
		if first == 0 {
			first = index
		}
		for _, c := range e.Commands {
			if c.Text != nil {
				found[index] += *c.Text
			}
		}
		return err
	})
	if err != nil {
		t.Fatalf("the log of %s: %v", n.name, err)
	}
	return found, first
}

// finish ends the load and judges it: nothing that was acknowledged is lost, all
// tasks end, and what the clients saw is linearizable. It gives the counts.
func (l *load) finish(t *testing.T) string {
	t.Helper()
	l.stop()
	l.lost(t)
	for _, id := range l.tasks {
		l.c.must(l.c.nodes[0], "task", "wait", id, "--timeout", "120s")
	}
	if err := linear.Check(l.history); err != nil {
		t.Errorf("what the clients saw is not linearizable: %v", err)
	}
	return fmt.Sprintf("%d notes and %d tasks acknowledged, none lost (%d times a note lay under a snapshot); %d of %d requests answered, %d operations linearizable",
		len(l.notes), len(l.tasks), l.covered, l.answered, l.asked, len(l.history))
}
