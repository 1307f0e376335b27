package runnerd

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroups are the places for attempts in the unified hierarchy, below the cgroup
// of this process, where that can be written. A place is used again and again:
// making one takes longer than many a task.
type cgroups struct {
	root string // "": there are none

	mu   sync.Mutex
	free []*cgroup
	made int
}

// cgroup is the place of one attempt; nil is none.
type cgroup struct {
	dir    *os.File
	procs  *os.File
	killed atomic.Bool
	// narrow says that it has limits, which the next attempt must not find.
	narrow bool
}

// Unconfined is what it costs that attempts get no cgroups, behind the reason.
const Unconfined = "what leaves its task's session and hides its environment may outlive the task, memory is limited for each process alone, and processor time not at all"

// Confine says why attempts of a data directory would get no cgroups, if they were
// begun by this process or a child of it; nil: they get some.
func Confine(dataDir string) error {
	c, err := makeCgroups(dataDir, "hb-try")
	c.close()
	return err
}

// openCgroups finds or makes the root of a data directory's cgroups, and ends
// every process that is left below it. Where there can be none, there are none.
func openCgroups(dataDir string) *cgroups {
	c, _ := makeCgroups(dataDir, "hb")
	return c
}

func makeCgroups(dataDir, prefix string) (*cgroups, error) {
	own, err := ownCgroup()
	if err != nil {
		return &cgroups{}, err
	}
	sum := fnv.New64a()
	sum.Write([]byte(dataDir))
	c := &cgroups{root: filepath.Join(own, fmt.Sprintf("%s-%016x", prefix, sum.Sum64()))}
	if err := os.Mkdir(c.root, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return &cgroups{}, err
	}
	c.clear()
	c.close()
	if err = os.Mkdir(c.root, 0o755); err == nil {
		err = c.bear()
	}
	if err != nil {
		c.close()
		return &cgroups{}, err
	}
	return c, nil
}

// bear tries whether a process can be born in a cgroup here: that shows only when one
// is. Without cgroup.kill, what forks faster than it is killed would escape.
func (c *cgroups) bear() error {
	if _, err := os.Stat(filepath.Join(c.root, "cgroup.kill")); err != nil {
		return errors.New("cgroups can be killed as a whole only since Linux 5.14")
	}
	g := c.take()
	if g == nil {
		return errors.New("nothing can be made below " + c.root)
	}
	defer c.give(g)
	probe := exec.Command("true") // where there is none, the other ways must do
	probe.SysProcAttr = &syscall.SysProcAttr{}
	g.enter(probe.SysProcAttr)
	if err := probe.Run(); err != nil {
		return fmt.Errorf("no process can begin below %s: %w", c.root, err)
	}
	return nil
}

// ownCgroup is the directory of this process's cgroup.
func ownCgroup() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	mine, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mine)) {
		path, is := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !is {
			continue
		}
		for mount := range strings.Lines(string(mounts)) {
			before, after, _ := strings.Cut(mount, " - ")
			fields := strings.Fields(before)
			if len(fields) > 4 && strings.HasPrefix(after, "cgroup2 ") && fields[3] == "/" {
				return filepath.Join(fields[4], path), nil
			}
		}
	}
	return "", errors.New("the whole of cgroup v2 is not to be seen here")
}

// clear ends every process below the root, and waits for that.
func (c *cgroups) clear() {
	_ = os.WriteFile(filepath.Join(c.root, "cgroup.kill"), []byte("1"), 0)
	for deadline := time.Now().Add(reapPatience); c.populated() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
}

func (c *cgroups) populated() bool {
	b, err := os.ReadFile(filepath.Join(c.root, "cgroup.events"))
	return err == nil && bytes.Contains(b, []byte("populated 1"))
}

// close removes the cgroups; those that are not empty stay for the next.
func (c *cgroups) close() {
	if c.root == "" {
		return
	}
	for _, g := range c.free {
		g.dir.Close()
		g.procs.Close()
	}
	c.free = nil
	dirs, _ := filepath.Glob(filepath.Join(c.root, "[0-9]*"))
	for _, dir := range dirs {
		_ = unix.Rmdir(dir)
	}
	_ = unix.Rmdir(c.root)
}

// take gives a place that nobody is in, nil if there is none.
func (c *cgroups) take() *cgroup {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.free); n > 0 {
		g := c.free[n-1]
		c.free = c.free[:n-1]
		return g
	}
	if c.root == "" {
		return nil
	}
	c.made++
	path := filepath.Join(c.root, strconv.Itoa(c.made))
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil
	}
	procs, err := os.Open(filepath.Join(path, "cgroup.procs"))
	if err != nil {
		dir.Close()
		return nil
	}
	return &cgroup{dir: dir, procs: procs}
}

// give returns a place that is empty.
func (c *cgroups) give(g *cgroup) {
	switch {
	case g == nil:
		return
	case g.killed.Load(), g.narrow:
		// Linux kills what is cloned into a cgroup that was ever killed from
		// one that was not.
		g.dir.Close()
		g.procs.Close()
		_ = unix.Rmdir(g.dir.Name())
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = append(c.free, g)
}

// enter has a process be born in the cgroup.
func (g *cgroup) enter(attr *syscall.SysProcAttr) {
	if g != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(g.dir.Fd())
	}
}

// pids are the processes in it; none once its place was given up.
func (g *cgroup) pids() (pids []int) {
	if g == nil {
		return nil
	}
	return numbers(g.procs.Name(), func(room []byte) (int, error) {
		n, err := g.procs.ReadAt(room, 0)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return n, err
	})
}

// kill ends all that is in it, however fast it forks.
func (g *cgroup) kill() {
	if g != nil {
		g.killed.Store(true)
		_ = os.WriteFile(filepath.Join(g.dir.Name(), "cgroup.kill"), []byte("1"), 0)
	}
}
