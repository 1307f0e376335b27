package cluster

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockFaults is how many pauses, partitions and kills the locks go through:
// scripts/locks wants more of them.
var lockFaults = flag.Int("locks", 0, "let `N` random faults happen to those who hold locks, in four clusters at once; 0: one each of the worst, in one")

// lockFile names, for a child under a lock, the file that everybody writes into.
const lockFile = "HB_TEST_LOCK_FILE"

// holdLock is a command under a lock: it writes its fence into the file of all,
// again and again. All run on one kernel, so the order of the lines is the truth.
// While something happens it does not end of its own.
func holdLock(file string) int {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	line := []byte(os.Getenv("HB_FENCE") + "\n")
	ticks := time.NewTicker(2 * time.Millisecond)
	for end := time.Now().Add(rand.N(time.Second)); time.Now().Before(end) || happening(file); <-ticks.C {
		if _, err := f.Write(line); err != nil {
			return 1
		}
	}
	return 0
}

// happening says whether something happens to those who hold locks.
func happening(file string) bool {
	_, err := os.Stat(file + "-happening")
	return err == nil
}

// contest is who wants one lock, on every node, all the time.
type contest struct {
	words []string // of hb
	file  string
	mutex sync.Mutex
	at    map[*node]*exec.Cmd // who waits or holds
}

// contend runs the command on a node again and again.
func (k *contest) contend(ctx context.Context, t *testing.T, n *node) {
	self, err := os.Executable()
	if err != nil {
		t.Error(err)
		return
	}
	for ctx.Err() == nil {
		cmd := exec.Command(binary(t), append(append([]string{"--socket", n.socket}, k.words...), "--", self)...)
		cmd.Env = append(os.Environ(), lockFile+"="+k.file)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		k.mutex.Lock()
		err := cmd.Start()
		k.at[n] = cmd
		k.mutex.Unlock()
		if err != nil {
			t.Error(err)
			return
		}
		stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
		cmd.Wait()
		stop()
		<-time.After(50 * time.Millisecond) // its node may be down
	}
}

// client is the command on a node; signals to one that has ended go nowhere.
func (k *contest) client(n *node) *os.Process {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.at[n].Process
}

// lines are how many have been written, and the fence of the last.
func (k *contest) lines(t *testing.T) (n int, last string) {
	b, err := os.ReadFile(k.file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	all := strings.Fields(string(b))
	if len(all) == 0 {
		return 0, ""
	}
	return len(all), all[len(all)-1]
}

// late counts the lines that stand behind one with a greater fence, and all fences.
func (k *contest) late(t *testing.T) (late []int, fences int) {
	b, err := os.ReadFile(k.file)
	if err != nil {
		t.Fatal(err)
	}
	var greatest uint64
	lines := bufio.NewScanner(bytes.NewReader(b))
	for i := 0; lines.Scan(); i++ {
		fence, err := strconv.ParseUint(lines.Text(), 10, 64)
		switch {
		case err != nil:
			t.Fatalf("line %d: %v", i, err)
		case fence > greatest:
			greatest, fences = fence, fences+1
		case fence < greatest:
			late = append(late, i)
		}
	}
	return late, fences
}

// mishap is something that happens to a node and to who holds a lock behind it.
type mishap struct {
	name string
	do   func(f *faulty, k *contest, n *node, d time.Duration)
}

func mishaps() []mishap {
	processes := func(daemon, client, child bool) func(*faulty, *contest, *node, time.Duration) {
		return func(f *faulty, k *contest, n *node, d time.Duration) {
			var stopped []*os.Process
			if daemon {
				stopped = append(stopped, n.cmd.Process)
			}
			if client {
				stopped = append(stopped, k.client(n))
			}
			if child {
				stopped = append(stopped, children(k.client(n).Pid)...)
			}
			for _, p := range stopped {
				p.Signal(syscall.SIGSTOP)
			}
			f.wait(d)
			for _, p := range stopped {
				p.Signal(syscall.SIGCONT)
			}
		}
	}
	cut := func(hook string) func(*faulty, *contest, *node, time.Duration) {
		return func(f *faulty, _ *contest, n *node, d time.Duration) {
			f.l.nft(f.at(n), "add table inet hb; add chain inet hb c { type filter hook "+hook+" priority 0 ; }; add rule inet hb c meta l4proto { tcp, udp } drop")
			f.wait(d)
			f.l.pass(f.at(n))
		}
	}
	return []mishap{
		{"node, hb and command stopped", processes(true, true, true)},
		{"node and hb stopped", processes(true, true, false)},
		{"unplugged", func(f *faulty, _ *contest, n *node, d time.Duration) {
			f.l.plug(f.at(n), false)
			f.wait(d)
			f.l.plug(f.at(n), true)
		}},
		{"node stopped", processes(true, false, false)},
		{"hb stopped", processes(false, true, false)},
		{"hears nobody", cut("input")},
		{"nobody hears it", cut("output")},
		{"hb killed", func(f *faulty, k *contest, n *node, d time.Duration) { k.client(n).Kill() }},
		{"node killed", func(f *faulty, _ *contest, n *node, d time.Duration) {
			f.c.kill(n)
			f.wait(d)
			f.c.start(n)
		}},
	}
}

// children are the processes that a process has started.
func children(pid int) (all []*os.Process) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, thread := range threads {
		more, _ := os.ReadFile(thread)
		b = append(append(b, ' '), more...)
	}
	for _, word := range strings.Fields(string(b)) {
		if child, err := strconv.Atoi(word); err == nil {
			if p, err := os.FindProcess(child); err == nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// Whatever happens to who holds a lock, or leads, what runs under it has ended
// before the next one begins.
func TestWhatRunsUnderALockHasEndedBeforeTheNextBegins(t *testing.T) {
	if *lockFaults == 0 {
		t.Parallel()
		underFaults(t, 1, 3, func(i int, _ *rand.Rand) (mishap, time.Duration) { return mishaps()[i], 13 * time.Second })
		return
	}
	for i := range 4 {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			t.Parallel()
			underFaults(t, uint64(i+1), (*lockFaults+3-i)/4, func(_ int, luck *rand.Rand) (mishap, time.Duration) {
				all := mishaps()
				return all[luck.IntN(len(all))], 200*time.Millisecond + time.Duration(luck.Int64N(int64(14*time.Second)))
			})
		})
	}
}

// underFaults lets count things happen to three nodes, behind each of which a lock
// and leadership are wanted all the time.
func underFaults(t *testing.T, seed uint64, count int, what func(int, *rand.Rand) (mishap, time.Duration)) {
	f := &faulty{t: t, began: time.Now()}
	f.l, f.c = lanCluster(t, 3)
	f.c.startAll()
	for _, n := range f.c.nodes {
		f.c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "90s")
	}
	contests := []*contest{
		{words: []string{"lock", "it"}, file: filepath.Join(t.TempDir(), "lock"), at: map[*node]*exec.Cmd{}},
		{words: []string{"leader", "run", "--wait"}, file: filepath.Join(t.TempDir(), "leader"), at: map[*node]*exec.Cmd{}},
	}
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for _, k := range contests {
		for _, n := range f.c.nodes {
			group.Go(func() { k.contend(ctx, t, n) })
		}
	}
	t.Cleanup(func() { stop(); group.Wait() })
	goesOn := func() {
		for _, k := range contests {
			_, before := k.lines(t)
			f.c.eventually(fmt.Sprintf("somebody else holds what hb %s wants", strings.Join(k.words, " ")), 90*time.Second, func() bool {
				_, now := k.lines(t)
				return now != before
			})
		}
	}
	goesOn()
	luck := rand.New(rand.NewPCG(seed, 77))
	var from [][2]int // the line of each file at which a mishap began
	var names []mishap
	for i := range count {
		m, d := what(i, luck)
		k := contests[luck.IntN(2)]
		var begin [2]int
		for j := range contests {
			begin[j], _ = contests[j].lines(t)
		}
		from, names = append(from, begin), append(names, m)
		for _, k := range contests {
			if err := os.WriteFile(k.file+"-happening", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		n := f.holder(k, luck)
		t.Logf("%s of hb %s on %s for %v", m.name, strings.Join(k.words, " "), n.name, d.Round(time.Millisecond))
		m.do(f, k, n, d)
		f.wait(time.Second)
		for _, k := range contests {
			os.Remove(k.file + "-happening")
		}
		goesOn()
	}
	stop()
	group.Wait()
	for j, k := range contests {
		late, fences := k.late(t)
		total, _ := k.lines(t)
		fmt.Printf("locks: hb %-18s %3d faults, %4d holders, %7d acts, %d after a later one had begun\n", strings.Join(k.words, " "), count, fences, total, len(late))
		after := map[string]int{}
		for _, line := range late {
			at, _ := slices.BinarySearchFunc(from, line, func(begin [2]int, line int) int { return begin[j] - line })
			after[names[max(at-1, 0)].name]++
		}
		for name, acts := range after {
			t.Errorf("hb %s: %d times a command acted after a later one had begun, after: %s", strings.Join(k.words, " "), acts, name)
		}
	}
}

// holder is mostly the node behind which a lock is held, by what the cluster says,
// or the one that leads.
func (f *faulty) holder(k *contest, luck *rand.Rand) *node {
	some := f.c.nodes[luck.IntN(len(f.c.nodes))]
	if luck.IntN(4) == 0 {
		return some
	}
	words := []string{"leader", "-o", "plain", "--timeout", "5s"}
	if k.words[0] == "lock" {
		words = []string{"lock", "--list", "-o", "plain", "--timeout", "5s"}
	}
	for _, word := range strings.Fields(f.c.hb(some, words...).out) {
		for _, n := range f.c.nodes {
			if word == n.name {
				return n
			}
		}
	}
	return some
}
