package runnerd

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/wire"
	"hb/netutil"
)

// hidden are ways for a child to get away from its parent.
var hidden = map[string]string{
	"in the background":            `sleep 1000 & echo $!`,
	"with its own output":          `sleep 1000 >/dev/null 2>&1 & echo $!`,
	"in a session of its own":      `setsid sleep 1000 >/dev/null 2>&1 & sleep 0.2; echo $!`,
	"forked twice":                 `(setsid sh -c 'echo $$; exec sleep 1000' 2>&1 &)`,
	"forked twice, without a name": `env -i setsid sh -c '(echo $$; exec sleep 1000) & exit'`,
}

// both tries something with cgroups, where there are any, and without.
func both(t *testing.T, name string, try func(*testing.T, *workshop)) {
	for where, bare := range map[string]bool{"": false, " without cgroups": true} {
		t.Run(strings.ReplaceAll(name+where, " ", "-"), func(t *testing.T) { try(t, newWith(t, Options{bare: bare})) })
	}
}

func TestWhatATaskLeavesBehindEndsWithIt(t *testing.T) {
	for how, script := range hidden {
		both(t, how, func(t *testing.T, w *workshop) {
			f := w.start(shell(script + "\nexit 3"))
			if r := w.result(); r.Exit != 3 {
				t.Fatalf("exit %d, signal %d, %s", r.Exit, r.Signal, r.Error)
			}
			var child int
			for _, p := range w.output(f) {
				fmt.Sscan(p.data, &child)
			}
			if child == 0 {
				t.Fatal("it left nothing")
			}
			if s, ok := statOf(child); ok && s.state != 'Z' {
				t.Errorf("process %d lives on: %+v", child, s)
			}
		})
	}
}

func TestTerminatingReachesEverythingOfATask(t *testing.T) {
	for _, how := range []string{"in the background", "with its own output", "in a session of its own"} {
		both(t, how, func(t *testing.T, w *workshop) {
			f := w.start(shell("trap 'echo TERM; exit 5' TERM\n" + hidden[how] + "\necho ready; wait; sleep 1000"))
			var child int
			fmt.Sscan(w.until(f, func(text string) bool { return strings.Contains(text, "ready") }), &child)
			w.terminate(f, time.Hour)
			if r := w.result(); r.Exit != 5 || !r.Cancelled {
				t.Fatalf("%v", r)
			}
			awaitGone(t, child)
		})
	}
}

func TestReapEndsTheOldProcessAndNoOther(t *testing.T) {
	boot, err := netutil.BootID()
	if err != nil {
		t.Fatal(err)
	}
	leftover := func(env ...string) *exec.Cmd {
		c := exec.Command("sleep", "1000")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		c.Env = env
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Process.Kill(); c.Wait() })
		return c
	}
	alive := func(c *exec.Cmd) bool {
		return unix.Waitid(unix.P_PID, c.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil) == nil && !zombie(c.Process.Pid)
	}

	known, reused, otherBoot := leftover(), leftover(), leftover()
	unnoted := leftover("HB_FENCE=4", "HB_NODE_ID="+someNode.String())
	foreign := leftover("HB_FENCE=4", "HB_NODE_ID="+core.NodeID(0x9999).String())
	for _, s := range []*wire.Started{
		{Fence: 1, Pid: int64(known.Process.Pid), StartTicks: startTicks(known.Process.Pid), Boot: boot},
		{Fence: 2, Pid: int64(reused.Process.Pid), StartTicks: startTicks(reused.Process.Pid) + 1, Boot: boot},
		{Fence: 3, Pid: int64(otherBoot.Process.Pid), StartTicks: startTicks(otherBoot.Process.Pid), Boot: "another"},
		{Fence: 4},
	} {
		reap(s, someNode, boot)
	}
	awaitGone(t, known.Process.Pid)
	awaitGone(t, unnoted.Process.Pid)
	for name, c := range map[string]*exec.Cmd{"whose ID was reused": reused, "of another boot": otherBoot, "of another node": foreign} {
		if !alive(c) {
			t.Errorf("the process %s was ended", name)
		}
	}
}

func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(b, []byte(") Z "))
}

func TestWhetherThereAreCgroupsIsKnownBeforeAndAsksNobodyToLeave(t *testing.T) {
	dir := t.TempDir()
	places := openCgroups(dir)
	defer places.close()
	if err := Confine(dir); (err == nil) != (places.root != "") {
		t.Fatalf("it says %v, and their root is %q", err, places.root)
	}
	if places.root == "" {
		return
	}
	g := places.take()
	runs := exec.Command("sleep", "1000")
	runs.SysProcAttr = &syscall.SysProcAttr{}
	g.enter(runs.SysProcAttr)
	if err := runs.Start(); err != nil {
		t.Fatal(err)
	}
	if err := Confine(dir); err != nil || zombie(runs.Process.Pid) {
		t.Errorf("it says %v, and what runs has ended: %v", err, zombie(runs.Process.Pid))
	}
	g.kill()
	runs.Wait()
	if tried, _ := filepath.Glob(filepath.Join(filepath.Dir(places.root), "hb-try-*")); len(tried) > 0 {
		t.Errorf("it leaves %q", tried)
	}
}
