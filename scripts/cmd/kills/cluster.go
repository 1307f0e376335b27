package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"hb/core/control"
)

// patience bounds every wait for the cluster to come to something.
const patience = 2 * time.Minute

// cluster is real nodes in one directory.
type cluster struct {
	hb, dir string
	luck    *rand.Rand
	nodes   []*member
}

// member is one of them, running or killed.
type member struct {
	name, dir, addr, seed string
	client                *control.Client

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
}

func (c *cluster) start(ctx context.Context, n int) error {
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		m := &member{name: fmt.Sprintf("n%d", i+1), addr: l.Addr().String()}
		m.dir = filepath.Join(c.dir, m.name)
		if i > 0 {
			m.seed = c.nodes[0].addr
		}
		m.client = control.NewClient(filepath.Join(m.dir, "hb.sock"))
		if err := os.Mkdir(m.dir, 0o700); err != nil {
			return err
		}
		l.Close()
		c.nodes = append(c.nodes, m)
		if err := c.boot(m); err != nil {
			return err
		}
	}
	return c.heal(ctx)
}

// boot starts a node, for the first time or again.
func (c *cluster) boot(m *member) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	args := []string{"node", "--dev", "--name", m.name, "--bind", m.addr, "--slots", "4",
		"--data", filepath.Join(m.dir, "data"), "--socket", filepath.Join(m.dir, "hb.sock")}
	if m.seed != "" {
		args = append(args, "--seed", m.seed)
	}
	log, err := os.OpenFile(filepath.Join(m.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command(c.hb, args...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	m.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		cmd.Wait()
		close(ended)
	}(m.cmd, m.ended)
	return nil
}

// kill ends a node's daemon, if it runs.
func (m *member) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd != nil {
		m.cmd.Process.Kill()
		<-m.ended
	}
}

func (m *member) up() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// heal starts every node that is down, and waits until all are members again.
func (c *cluster) heal(ctx context.Context) error {
	for _, m := range c.nodes {
		if !m.up() {
			if err := c.boot(m); err != nil {
				return err
			}
		}
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, m := range c.nodes {
		for {
			err := m.client.Wait(limited, []string{"ready", "leader", fmt.Sprintf("members=%d", len(c.nodes))})
			if err == nil {
				break
			}
			if limited.Err() != nil {
				return fmt.Errorf("%s does not come back: %w", m.name, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

// end leaves nothing behind.
func (c *cluster) end() {
	for _, m := range c.nodes {
		if m.cmd != nil {
			m.kill()
		}
	}
	for _, m := range c.nodes {
		for _, pid := range find("runner", "-data", filepath.Join(m.dir, "data")) {
			syscall.Kill(pid, syscall.SIGTERM)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); len(find(c.dir)) > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
}

// find gives the processes that have these words, in this order, in their
// command lines, sorted. The last may be the beginning of a word.
func find(words ...string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	want := "\x00" + strings.Join(words, "\x00")
	for _, file := range files {
		line, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && pid != os.Getpid() && strings.Contains("\x00"+string(line), want) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// what may be killed.
const (
	runners = iota
	leaders
	daemons
	children
	kinds
)

// killed counts what was.
type killed [kinds]int

func (k killed) String() string {
	return fmt.Sprintf("%d runner processes, %d leaders, %d daemons, %d tasks", k[runners], k[leaders], k[daemons], k[children])
}

// killAll kills so many times. No more than one daemon is down at a time, so
// that there is a majority to ask.
func (c *cluster) killAll(ctx context.Context, kills int) (counts killed, err error) {
	for n := 0; n < kills; {
		pause := time.Duration(c.luck.IntN(300)) * time.Millisecond
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return counts, context.Cause(ctx)
		}
		kind := c.luck.IntN(kinds)
		done, err := c.strike(ctx, kind)
		if err != nil {
			return counts, err
		}
		if done {
			counts[kind]++
			n++
		}
	}
	return counts, nil
}

// strike kills one thing of a kind, if there is one now.
func (c *cluster) strike(ctx context.Context, kind int) (done bool, err error) {
	m := c.nodes[c.luck.IntN(len(c.nodes))]
	switch kind {
	case children:
		return shoot(c.luck, find("-task", c.dir)), nil
	case runners:
		both := c.luck.IntN(3) == 0
		if both {
			m.kill()
		}
		done := shoot(c.luck, find("runner", "-data", filepath.Join(m.dir, "data")+"\x00"))
		if both {
			return done, c.later(ctx, m)
		}
		return done, nil
	case leaders:
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		l, err := m.client.Leader(limited, true)
		if err != nil || l.Name == nil {
			return false, nil
		}
		i := slices.IndexFunc(c.nodes, func(m *member) bool { return m.name == *l.Name })
		if i < 0 {
			return false, nil
		}
		m = c.nodes[i]
	}
	m.kill()
	return true, c.later(ctx, m)
}

// later starts a killed daemon again after a while.
func (c *cluster) later(ctx context.Context, m *member) error {
	away := time.Duration(c.luck.ExpFloat64() * float64(300*time.Millisecond))
	select {
	case <-time.After(min(away, 3*time.Second)):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return c.boot(m)
}

// shoot kills one of some processes.
func shoot(luck *rand.Rand, pids []int) bool {
	return len(pids) > 0 && syscall.Kill(pids[luck.IntN(len(pids))], syscall.SIGKILL) == nil
}
