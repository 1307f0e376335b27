package systemd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// machine is a systemd of its own, with hb's units, in namespaces of its own.
type machine struct {
	t   *testing.T
	pid int
}

// boot starts one. It skips, loudly, where that cannot be.
func boot(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a systemd in namespaces needs root, so how the units work is NOT tested in this run")
	}
	for _, file := range []string{"/lib/systemd/systemd", "/usr/bin/unshare", "/usr/bin/nsenter"} {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("SKIPPED: there is no %s, so how the units work is NOT tested in this run", file)
		}
	}
	dir := t.TempDir()
	install(t, filepath.Join(dir, "units"))
	script, err := filepath.Abs("machine.sh")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup", "--kill-child", script, dir)
	cmd.Stdout, cmd.Stderr = &said, &said
	group := ownCgroup(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { cmd.Wait(); close(over) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-over
		removeAll(t, group)
		if t.Failed() {
			t.Logf("the machine said:\n%s", &said)
		}
	})
	m := &machine{t: t}
	for deadline := time.Now().Add(60 * time.Second); ; {
		select {
		case <-over:
			t.Skipf("SKIPPED: no systemd can be booted in namespaces here, so how the units work is NOT tested in this run: %s", &said)
		case <-time.After(50 * time.Millisecond):
		}
		if m.pid = firstChild(cmd.Process.Pid); m.pid > 0 {
			if state, _ := m.try("systemctl", "is-active", "hb-test.target"); strings.TrimSpace(state) == "active" {
				return m
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("systemd does not come up; it said:\n%s", &said)
		}
	}
}

// install lays out hb, its units, and a target that needs little of the machine.
func install(t *testing.T, root string) {
	t.Helper()
	at := func(name string) string {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if out, err := exec.Command("go", "build", "-o", at("usr/bin/hb"), "hb").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	if err := os.CopyFS(root, os.DirFS("root")); err != nil {
		t.Fatal(err)
	}
	unit := "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket systemd-journald.service\nAfter=dbus.socket systemd-journald.service\n"
	if err := os.WriteFile(at("etc/systemd/system/hb-test.target"), []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ownCgroup has a command begin in a cgroup of its own, where there is version 2, so
// that what systemd makes there can be taken away.
func ownCgroup(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if fields[2] != "cgroup2" {
			continue
		}
		dir, err := os.MkdirTemp(fields[1], "hb-systemd-test-")
		if err != nil {
			t.Skipf("SKIPPED: no cgroup can be made, so how the units work is NOT tested in this run: %v", err)
		}
		cmd.Args = append([]string{"sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, dir}, cmd.Args...)
		cmd.Path = "/bin/sh"
		return dir
	}
	t.Skip("SKIPPED: there is no cgroup v2 here, so how the units work is NOT tested in this run")
	return ""
}

// removeAll takes away a cgroup and those below it, as soon as what was in them is
// gone.
func removeAll(t *testing.T, group string) {
	t.Helper()
	_ = os.WriteFile(filepath.Join(group, "cgroup.kill"), []byte("1"), 0) // Linux 5.14
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		removeEmpty(group)
		if _, err := os.Stat(group); err != nil {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Errorf("%s is not empty", group)
}

func removeEmpty(group string) {
	var dirs []string
	filepath.WalkDir(group, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		os.Remove(dirs[i])
	}
}

// firstChild is the first process of the namespaces; 0: not yet.
func firstChild(pid int) (child int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	fmt.Sscan(string(text), &child)
	return child
}

// try runs a command on the machine.
func (m *machine) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", fmt.Sprint(m.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r"}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// sh runs a line of shell on the machine, which must succeed.
func (m *machine) sh(line string) string {
	m.t.Helper()
	out, err := m.try("/bin/sh", "-ec", line)
	if err != nil {
		journal, _ := m.try("journalctl", "--no-pager", "-n", "60", "-u", "hb*")
		m.t.Fatalf("%s: %v\n%s\nthe journal:\n%s", line, err, out, journal)
	}
	return strings.TrimSpace(out)
}

// until runs a line until it succeeds.
func (m *machine) until(line string) {
	m.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; {
		if _, err := m.try("/bin/sh", "-ec", line); err == nil {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("never: %s\n%s", line, m.sh("systemctl status --no-pager hb || true"))
		}
	}
}

func (m *machine) want(line, want string) {
	m.t.Helper()
	if got := m.sh(line); !strings.Contains(got, want) {
		m.t.Errorf("%s: %q, want %q", line, got, want)
	}
}
