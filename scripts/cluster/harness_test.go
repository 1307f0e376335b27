package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// binary is the hb under test, built once by TestMain.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("HB_UNDER_TEST")
	if path == "" {
		t.Fatal("TestMain did not build hb")
	}
	return path
}

func TestMain(m *testing.M) {
	if file := os.Getenv(lockFile); file != "" {
		os.Exit(holdLock(file))
	}
	dir, err := os.MkdirTemp("", "hb-cluster-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	path := filepath.Join(dir, "hb")
	build := exec.Command("go", "build", "-o", path, "hb")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building hb: %v\n%s", err, out)
		os.Exit(1)
	}
	os.Setenv("HB_UNDER_TEST", path)
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // they wait, they hardly work
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// node is one hb node as a process.
type node struct {
	name, dir, socket, addr string
	netns                   string // empty: the test's own
	args                    []string
	program                 string // empty: the hb under test
	config                  string // its hb.toml, with credentials; empty: a --dev node
	sealed                  bool   // it has credentials, and no hb.toml: its flags say all
	cmd                     *exec.Cmd
	log                     *words
}

// words are what a process has said so far; it may say more while they are read.
type words struct {
	mutex sync.Mutex
	said  bytes.Buffer
}

func (w *words) Write(b []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.said.Write(b)
}

func (w *words) String() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.said.String()
}

// cluster is a set of nodes of one test.
type cluster struct {
	t     *testing.T
	nodes []*node
	token string // lets further machines in; empty: there are no credentials
}

// loopback makes nodes on addresses of the loopback range that no other test
// process uses. The first founds the cluster, the others have it as a seed.
func loopback(t *testing.T, count int) *cluster {
	t.Helper()
	c := &cluster{t: t}
	pid := os.Getpid()
	for i := range count {
		n := c.add(fmt.Sprintf("n%d", i+1), fmt.Sprintf("127.%d.%d.%d:7117", 64+pid>>8&63, pid&255, 10*len(t.Name())%200+i+1))
		if i > 0 {
			n.args = append(n.args, "--seed", c.nodes[0].addr)
		}
	}
	return c
}

// add makes one more node, not started yet.
func (c *cluster) add(name, addr string, args ...string) *node {
	dir := filepath.Join(c.t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	n := &node{name: name, dir: dir, socket: filepath.Join(dir, "hb.sock"), addr: addr, args: args}
	c.nodes = append(c.nodes, n)
	c.t.Cleanup(func() { c.kill(n) })
	return n
}

// start runs a node; again after kill, with the same data directory.
func (c *cluster) start(n *node) {
	c.t.Helper()
	args := append([]string{"node", "--dev", "--name", n.name, "--bind", n.addr, "--data", filepath.Join(n.dir, "data"), "--socket", n.socket}, n.args...)
	if n.sealed {
		args = slices.Delete(args, 1, 2)
	}
	if n.config != "" {
		args = []string{"node", "--config", n.config}
	}
	n.cmd = command(n.netns, n.executable(c.t), args...)
	n.log = &words{}
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
}

// executable is the program that the node runs.
func (n *node) executable(t *testing.T) string {
	if n.program != "" {
		return n.program
	}
	return binary(t)
}

// command makes a command that runs in a network namespace.
func command(netns, path string, args ...string) *exec.Cmd {
	if netns == "" {
		return exec.Command(path, args...)
	}
	return exec.Command("ip", append([]string{"netns", "exec", netns, path}, args...)...)
}

func (c *cluster) startAll() {
	c.t.Helper()
	for _, n := range c.nodes {
		c.start(n)
	}
}

// kill ends a node with SIGKILL, if it runs.
func (c *cluster) kill(n *node) {
	if n.cmd == nil {
		return
	}
	n.cmd.Process.Kill()
	n.cmd.Wait()
	n.cmd = nil
	if c.t.Failed() {
		c.t.Logf("%s said:\n%s", n.name, n.log)
	}
}

// result is what a client command came to.
type result struct {
	out, err string
	code     int
}

// hb runs a client command against a node.
func (c *cluster) hb(n *node, args ...string) result {
	c.t.Helper()
	return output(c.t, exec.Command(binary(c.t), append([]string{"--socket", n.socket}, args...)...))
}

// output runs a command to its end.
func output(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out: out.String(), err: errs.String(), code: cmd.ProcessState.ExitCode()}
}

// must runs a client command that has to succeed.
func (c *cluster) must(n *node, args ...string) string {
	c.t.Helper()
	r := c.hb(n, args...)
	if r.code != 0 {
		c.t.Fatalf("hb %s on %s: exit %d\n%s%s", strings.Join(args, " "), n.name, r.code, r.out, r.err)
	}
	return r.out
}

// json runs a client command and decodes what it prints.
func (c *cluster) json(n *node, into any, args ...string) {
	c.t.Helper()
	out := c.must(n, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		c.t.Fatalf("hb %s on %s: %v in %q", strings.Join(args, " "), n.name, err, out)
	}
}

type leaderDoc struct {
	Name string `json:"name"`
	Term string `json:"term"`
}

// leader asks a node for the leader and gives its node.
func (c *cluster) leader(n *node) *node {
	c.t.Helper()
	var doc leaderDoc
	c.json(n, &doc, "leader")
	for _, other := range c.nodes {
		if other.name == doc.Name {
			return other
		}
	}
	c.t.Fatalf("hb leader on %s: %q is none of the nodes", n.name, doc.Name)
	return nil
}

// other gives a running node that is not the given one.
func (c *cluster) other(not *node) *node {
	for _, n := range c.nodes {
		if n != not && n.cmd != nil {
			return n
		}
	}
	c.t.Fatal("no other node runs")
	return nil
}
