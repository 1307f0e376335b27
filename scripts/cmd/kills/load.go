package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hb/core/control"
)

const (
	// submitters keep on submitting, as long as no more than mostOpen tasks are
	// under way.
	submitters = 3
	mostOpen   = 24
)

// job is a task that was acknowledged.
type job struct {
	id        string
	once      bool
	exclusive string
}

// load is a stream of tasks.
type load struct {
	c     *cluster
	seed  uint64
	quit  chan struct{}
	group sync.WaitGroup
	slots chan struct{}

	mu   sync.Mutex
	jobs []job
}

func newLoad(c *cluster, seed uint64) *load {
	return &load{c: c, seed: seed, quit: make(chan struct{}), slots: make(chan struct{}, mostOpen)}
}

func (l *load) begin(ctx context.Context) {
	for i := range submitters {
		luck := rand.New(rand.NewPCG(l.seed, uint64(2+i)))
		l.group.Go(func() { l.submit(ctx, luck) })
	}
}

// end stops the stream; what was acknowledged goes on.
func (l *load) end() {
	close(l.quit)
	l.group.Wait()
}

func (l *load) submit(ctx context.Context, luck *rand.Rand) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	for {
		select {
		case l.slots <- struct{}{}:
		case <-l.quit:
			return
		}
		id := control.MintTask().String()
		j := job{id: id}
		switch luck.IntN(4) {
		case 0:
			j.once = true
		case 1:
			j.exclusive = fmt.Sprintf("key%d", luck.IntN(3))
		}
		stay := time.Duration(luck.ExpFloat64() * float64(150*time.Millisecond))
		spec := control.Spec{
			Task: &id, Argv: []string{self, "-task", l.c.dir, j.exclusive, stay.String()},
			Once: j.once, Exclusive: j.exclusive,
		}
		l.group.Go(func() { l.follow(ctx, j, spec) })
	}
}

// follow submits a task, through any node, until one acknowledges it, and waits
// for its end as far as the stream goes on.
func (l *load) follow(ctx context.Context, j job, spec control.Spec) {
	defer func() { <-l.slots }()
	for n := 0; ; n++ {
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		_, err := l.node(n).Submit(limited, spec)
		cancel()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	l.mu.Lock()
	l.jobs = append(l.jobs, j)
	l.mu.Unlock()
	for n := 0; ; n++ {
		select {
		case <-l.quit:
			return
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		task, err := l.node(n).Task(limited, j.id)
		cancel()
		if err == nil && task.Ended != nil {
			return
		}
	}
}

func (l *load) node(n int) *control.Client { return l.c.nodes[n%len(l.c.nodes)].client }

// books are what was found.
type books struct {
	tasks, executions, grants int
	by                        map[string]int // tasks, by status
	faults                    []string
}

func (b *books) good() bool { return len(b.faults) == 0 }

func (b *books) wrong(format string, args ...any) {
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// String is the account.
func (b *books) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d tasks acknowledged: ", b.tasks)
	for _, status := range []string{"succeeded", "failed", "unknown", "cancelled", "timed-out"} {
		if n := b.by[status]; n > 0 {
			fmt.Fprintf(&s, "%d %s, ", n, status)
		}
	}
	fmt.Fprintf(&s, "%d executions of %d grants\n", b.executions, b.grants)
	fmt.Fprintf(&s, "lost, doubly final, beyond their grants, twice though once, or two at once: %d\n", len(b.faults))
	for _, f := range b.faults {
		fmt.Fprintln(&s, "  "+f)
	}
	return s.String()
}

// audit waits for the end of every task, and holds the diary against the
// record.
func (l *load) audit(ctx context.Context) (*books, error) {
	b := &books{by: map[string]int{}, tasks: len(l.jobs)}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, j := range l.jobs {
		task, err := l.node(0).WaitTask(limited, j.id)
		if err != nil {
			b.wrong("task %s is lost: %v", j.id, err)
			continue
		}
		l.judge(limited, b, j, task)
	}
	ran, err := readDiary(filepath.Join(l.c.dir, diary), b)
	if err != nil {
		return nil, err
	}
	for _, j := range l.jobs {
		task, err := l.node(0).Task(limited, j.id)
		if err == nil {
			b.compare(j, task, ran[j.id])
		}
	}
	return b, nil
}

// judge looks at the record of one task, on every node.
func (l *load) judge(ctx context.Context, b *books, j job, task *control.Task) {
	b.by[task.Status]++
	b.grants += len(task.Attempts)
	ended := 0
	for _, a := range task.Attempts {
		if a.Outcome != nil && *a.Outcome == "ended" {
			ended++
		}
	}
	if ended > 1 {
		b.wrong("task %s ended %d times", j.id, ended)
	}
	for _, m := range l.c.nodes {
		other, err := m.client.Task(ctx, j.id)
		if err != nil || other.Status != task.Status {
			b.wrong("task %s is %s, and on %s %+v, %v", j.id, task.Status, m.name, other, err)
		}
	}
}

// compare holds what ran of a task against what was granted.
func (b *books) compare(j job, task *control.Task, ran map[string]int) {
	granted := map[string]bool{}
	for _, a := range task.Attempts {
		granted[fmt.Sprint(a.N, " ", a.Fence)] = true
	}
	for attempt, times := range ran { // each on its own
		b.executions += times
		if times > 1 || !granted[attempt] {
			b.wrong("of task %s, attempt and token %s ran %d times, granted %t", j.id, attempt, times, granted[attempt])
		}
	}
	if j.once && len(ran) > 1 {
		b.wrong("task %s may run once, and ran %d times", j.id, len(ran))
	}
	if task.Status == "succeeded" && len(ran) == 0 {
		b.wrong("task %s succeeded, and never ran", j.id)
	}
}

// readDiary gives how often each attempt and token of a task ran.
func readDiary(path string, b *books) (map[string]map[string]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ran := map[string]map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 4 && words[0] == "ran":
			if ran[words[1]] == nil {
				ran[words[1]] = map[string]int{}
			}
			ran[words[1]][words[2]+" "+words[3]]++
		case len(words) == 4 && words[0] == "overlap":
			b.wrong("task %s, attempt %s ran while another held %s", words[1], words[2], words[3])
		default:
			b.wrong("the diary says %q", lines.Text())
		}
	}
	return ran, nil
}
