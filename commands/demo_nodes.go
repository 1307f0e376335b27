package commands

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hb/core"
	"hb/core/control"
)

// demo is the stage of hb demo: a directory, the nodes in it, and the one that
// is asked.
type demo struct {
	*call
	ctx     context.Context
	binary  string
	dir     string
	nodes   []*demoNode
	asked   *demoNode
	client  *control.Client
	ids     []string // of the tasks that must survive
	steps   int
	submits time.Duration // how long the last series of submits took
	input   *bufio.Reader
}

// demoNode is one child process.
type demoNode struct {
	name, socket, log string
	cmd               *exec.Cmd
	ended             chan struct{} // closed when it has
}

// marker is a variable in the environment of every process of a demo, tasks
// included, by which leftovers are found.
const marker = "HB_DEMO="

func newDemo(ctx context.Context, c *call) (*demo, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, core.Faultf(core.CodeIO, "cannot find this program's own file: %v", err)
	}
	dir, err := os.MkdirTemp("", "hb-demo-")
	if err != nil {
		return nil, core.Faultf(core.CodeIO, "cannot make a temporary directory: %v", err)
	}
	return &demo{call: c, ctx: ctx, binary: binary, dir: dir, input: bufio.NewReader(c.App.Reader)}, nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.stdout, format+"\n", args...) }

// step begins a new part of the story.
func (d *demo) step(format string, args ...any) {
	d.steps++
	d.say("\n%d. %s\n", d.steps, fmt.Sprintf(format, args...))
}

// pause lets a person at a terminal read on at leisure.
func (d *demo) pause() {
	if d.Bool("yes") || d.quiet || !d.isTerminal() || d.ctx.Err() != nil {
		return
	}
	fmt.Fprint(d.stderr, "\n[Enter] goes on ")
	read := make(chan struct{})
	go func() {
		d.input.ReadString('\n')
		close(read)
	}()
	select {
	case <-read:
	case <-d.ctx.Done():
	}
}

// environment is ours, without what would lead the commands elsewhere.
func (d *demo) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "HB_") || strings.HasPrefix(kv, "TMPDIR=")
	})
	env = append(env, "TMPDIR="+d.dir, marker+d.dir)
	if d.asked != nil {
		env = append(env, "HB_SOCKET="+d.asked.socket)
	}
	return env
}

// startNode runs `hb node --dev` and waits until it is usable.
func (d *demo) startNode(name string, flags ...string) error {
	args := append([]string{"node", "--dev", "--name", name}, flags...)
	d.say("$ hb %s &", commandLine(args))
	n := &demoNode{name: name, log: filepath.Join(d.dir, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(n.log)
	if err != nil {
		return core.Faultf(core.CodeIO, "%v", err)
	}
	defer log.Close()
	n.cmd = exec.Command(d.binary, args...)
	n.cmd.Args[0] = "hb"
	n.cmd.Env, n.cmd.Stderr = d.environment(), log
	// ^C is for the demo, which ends its nodes itself.
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return core.Faultf(core.CodeInternal, "%v", err)
	}
	if err := n.cmd.Start(); err != nil {
		return core.Faultf(core.CodeIO, "cannot start a node: %v", err)
	}
	d.nodes = append(d.nodes, n)
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		said <- line
		n.cmd.Wait()
		close(n.ended)
	}()
	select {
	case line := <-said:
		socket, is := strings.CutPrefix(strings.TrimSpace(line), "export HB_SOCKET=")
		if !is {
			return demoFault("node %s did not start", name)
		}
		n.socket = strings.Trim(socket, "'")
		return nil
	case <-time.After(demoLimit):
		return demoFault("node %s is not usable after %v", name, demoLimit)
	case <-d.ctx.Done():
		return d.ctx.Err()
	}
}

// ask makes a node the one behind HB_SOCKET.
func (d *demo) ask(name string) {
	for _, n := range d.nodes {
		if n.name == name {
			d.asked, d.client = n, control.NewClient(n.socket)
			d.say("$ export HB_SOCKET=%s", shellWord(n.socket))
		}
	}
}

// hb runs one command as typed, its output on ours.
func (d *demo) hb(args ...string) error {
	d.say("$ hb %s", commandLine(args))
	cmd := d.command(args...)
	cmd.Stdout, cmd.Stderr = d.App.Writer, d.stderr
	if d.quiet {
		cmd.Stdout = nil
	}
	if err := cmd.Run(); err != nil {
		return demoFault("hb %s: %v", commandLine(args), err)
	}
	return nil
}

// command is hb with a bound on its patience.
func (d *demo) command(args ...string) *exec.Cmd {
	args = append([]string{"--timeout", demoLimit.String()}, args...)
	cmd := exec.CommandContext(d.ctx, d.binary, args...)
	cmd.Args[0] = "hb"
	cmd.Env = d.environment()
	return cmd
}

// submit puts the same command into the log, times over, and gives the IDs.
func (d *demo) submit(times int, words ...string) ([]string, error) {
	d.say("$ for i in $(seq %d); do hb submit -- %s; done", times, commandLine(words))
	began := time.Now()
	var ids []string
	for range times {
		args := append([]string{"submit", "--env", marker + d.dir, "--"}, words...)
		cmd := d.command(args...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, d.stderr
		if err := cmd.Run(); err != nil {
			return nil, demoFault("hb submit: %v", err)
		}
		ids = append(ids, strings.TrimSpace(said.String()))
	}
	d.submits = time.Since(began)
	d.say("%s\n... and %d more", ids[0], times-1)
	return ids, nil
}

// longer is how many seconds a task must last to be still there when a dozen
// more were submitted, as fast as this machine submitted the last ones.
func (d *demo) longer() int { return 2 + int(3*d.submits/2/time.Second) }

// waitFor waits until the tasks have ended.
func (d *demo) waitFor(ids []string) error {
	ctx, cancel := context.WithTimeout(d.ctx, demoLimit)
	defer cancel()
	for _, id := range ids {
		if _, err := d.client.WaitTask(ctx, id); err != nil {
			return demoFault("task %s did not end: %v", id, err)
		}
	}
	return nil
}

// rows finds tasks in the list; each must be in it once.
func (d *demo) rows(ids []string) ([]control.TaskRow, error) {
	list, err := d.client.Tasks(d.ctx)
	if err != nil {
		return nil, err
	}
	rows := slices.DeleteFunc(list.Tasks, func(r control.TaskRow) bool { return !slices.Contains(ids, r.ID) })
	if len(rows) != len(ids) {
		return nil, demoFault("%d of %d tasks are in the list", len(rows), len(ids))
	}
	return rows, nil
}

// kill ends a node as a power cut would, and turns to another.
func (d *demo) kill(name string) error {
	i := slices.IndexFunc(d.nodes, func(n *demoNode) bool { return n.name == name })
	if i < 0 {
		return demoFault("the leader %q is none of ours", name)
	}
	n := d.nodes[i]
	d.say("$ kill -9 %d", n.cmd.Process.Pid)
	if err := n.cmd.Process.Kill(); err != nil {
		return core.Faultf(core.CodeIO, "cannot kill %s: %v", name, err)
	}
	<-n.ended
	if d.asked == n {
		d.ask(d.nodes[(i+1)%len(d.nodes)].name)
	}
	return nil
}

// showLogs tells what the nodes had to say, when something went wrong.
func (d *demo) showLogs() {
	for _, n := range d.nodes {
		b, err := os.ReadFile(n.log)
		if err != nil || len(b) == 0 {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		fmt.Fprintf(d.stderr, "--- the last words of node %s:\n", n.name)
		for _, line := range lines[max(0, len(lines)-10):] {
			fmt.Fprintln(d.stderr, line)
		}
	}
}

// sayKept tells how to go on with the nodes, and how to end them.
func (d *demo) sayKept() {
	d.say("\nThe nodes go on:")
	var pids []string
	for _, n := range d.nodes {
		select {
		case <-n.ended:
		default:
			d.say("export HB_SOCKET=%s   # %s", shellWord(n.socket), n.name)
			pids = append(pids, strconv.Itoa(n.cmd.Process.Pid))
		}
	}
	d.say("To end them: kill %s; rm -r %s", strings.Join(pids, " "), shellWord(d.dir))
}

// cleanUp ends every process of the demo and removes its files; it says if
// something withstood.
func (d *demo) cleanUp() error {
	for _, n := range d.nodes {
		n.cmd.Process.Signal(syscall.SIGTERM)
	}
	patience := time.After(5 * time.Second)
	for _, n := range d.nodes {
		select {
		case <-n.ended:
		case <-patience:
			n.cmd.Process.Kill()
			<-n.ended
		}
	}
	d.killLeftovers()
	if err := os.RemoveAll(d.dir); err != nil {
		return core.Faultf(core.CodeIO, "cannot remove %s: %v", d.dir, err)
	}
	return nil
}

// killLeftovers ends the tasks that outlived the node that was killed: they
// lead process groups of their own, and carry our mark.
func (d *demo) killLeftovers() {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return
	}
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !slices.Contains(strings.Split(string(env), "\x00"), marker+d.dir) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		if group, err := syscall.Getpgid(pid); err == nil && group != syscall.Getpgrp() {
			syscall.Kill(-group, syscall.SIGKILL)
		}
	}
}
