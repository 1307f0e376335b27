package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hb/core"
	"hb/core/control"
	"hb/netutil"
)

// Made-up accounts, which no machine has.
const (
	socketGroup, opsGroup    = 54321, 54322
	reader, submitter, admin = 54331, 54332, 54333
	outsider                 = nobody
)

func TestRightsFollowTheUserAndHisGroups(t *testing.T) {
	var log strings.Builder
	o := Options{Access: Access{
		Group: fmt.Sprint(os.Getegid()), Read: []string{"*", "54340"}, Submit: []string{"@54322", "nobody-of-that-name"},
		Admin: []string{"54333", "65534", "@65534", "@no-such-group"},
	}}
	g, fault := openGate(&o, func(_ bool, text string) { fmt.Fprintln(&log, text) })
	if fault != nil {
		t.Fatal(fault)
	}
	g.tasks = func() int { return 54350 }
	g.owner, g.grants = 54999, slices.DeleteFunc(g.grants, func(has grant) bool { return has.group && has.id == os.Getegid() })
	g.grants = append(g.grants, grant{control.Read, socketGroup, true}, grant{control.Submit, socketGroup, true})
	for _, c := range []struct {
		peer netutil.Peer
		want control.Right
	}{
		{netutil.Peer{UID: 0, GID: 0}, control.Admin},
		{netutil.Peer{UID: 54999, GID: 1}, control.Admin},
		{netutil.Peer{UID: outsider, GID: outsider}, control.Nothing},
		{netutil.Peer{UID: outsider, GID: outsider, Groups: []int{outsider}}, control.Nothing},
		{netutil.Peer{UID: 54340, GID: 1}, control.Read},
		{netutil.Peer{UID: reader, GID: socketGroup}, control.Submit},
		{netutil.Peer{UID: reader, GID: 1, Groups: []int{2, socketGroup}}, control.Submit},
		{netutil.Peer{UID: 54350, GID: socketGroup, Groups: []int{socketGroup, opsGroup}}, control.Read}, // a task
		{netutil.Peer{UID: submitter, GID: socketGroup, Groups: []int{opsGroup}}, control.Submit},
		{netutil.Peer{UID: submitter, GID: opsGroup}, control.Submit},
		{netutil.Peer{UID: admin, GID: 1}, control.Admin},
		{netutil.Peer{UID: opsGroup, GID: admin}, control.Nothing}, // a user's number is no group's
	} {
		if got := g.of(c.peer); got != c.want {
			t.Errorf("%+v: %v, want %v", c.peer, got, c.want)
		}
	}
	for _, unknown := range []string{"nobody-of-that-name", "65534", "@65534", "@no-such-group"} {
		if !strings.Contains(log.String(), fmt.Sprintf("%q gets no right", unknown)) {
			t.Errorf("nothing was said of %s:\n%s", unknown, &log)
		}
	}
}

func TestOnlyTheOwnerUsesTheSocketUnderDev(t *testing.T) {
	g, fault := openGate(&Options{Dev: true, Access: Access{Group: fmt.Sprint(os.Getegid()), Read: []string{"*"}, Admin: []string{"54333"}}}, nil)
	if fault != nil || g.group >= 0 || len(g.grants) > 0 {
		t.Errorf("%+v, %v", g, fault)
	}
}

func TestAGroupThatMustBeThereIsMissed(t *testing.T) {
	_, fault := openGate(&Options{Access: Access{Group: "no-such-group"}}, nil)
	if fault == nil || fault.Code != core.CodeConfig || !strings.Contains(fault.Message, "no-such-group") {
		t.Errorf("%v", fault)
	}
}

func TestADeadNodesSocketIsReplacedAndALivingOnesIsNot(t *testing.T) {
	o := devOptions(t)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: o.Socket})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false) // as a killed process leaves it
	dead.Close()
	launch(t, o)
	other := devOptions(t)
	other.Socket = o.Socket
	var fault *core.Fault
	if err := Run(t.Context(), other); !errors.As(err, &fault) || fault.Code != core.CodeBusy || !strings.Contains(fault.Message, fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second node on the same socket: %v", err)
	}
}

// devOptions are those of a node of its own.
func devOptions(t *testing.T) Options {
	dir := t.TempDir()
	return Options{
		Name: "a", DataDir: dir, Socket: filepath.Join(dir, "s"), Dev: true, Found: true, ClusterName: "lab", Nothing: true,
		Bind: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")},
	}
}

// asUser are the words by which the test's program asks a node as somebody else.
const asUser = "ask-as-user"

// TestUsersGetWhatTheyAreAllowed asks a real node as real users.
func TestUsersGetWhatTheyAreAllowed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can become other users; what they may do is NOT tested in this run; run this as root, too")
	}
	// Not t.TempDir: others must get there.
	dir, err := os.MkdirTemp("", "hb-access-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	copyProgram(t, program)
	o := devOptions(t)
	lettingIn(t, &o)
	o.Socket = filepath.Join(dir, "run", "s")
	o.Access = Access{Group: fmt.Sprint(socketGroup), Read: []string{"*"}, Submit: []string{fmt.Sprint("@", opsGroup)}, Admin: []string{fmt.Sprint(admin)}}
	r := launch(t, o)
	defer r.end()
	for path, mode := range map[string]os.FileMode{o.Socket: 0o660, filepath.Dir(o.Socket): 0o750} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != mode || info.Sys().(*syscall.Stat_t).Gid != socketGroup {
			t.Errorf("%s: %v %+v, %v", path, info.Mode(), info.Sys(), err)
		}
	}
	const nothing, look, submit, all = "77 77 77", "0 77 77", "0 0 77", "0 0 66"
	for _, c := range []struct {
		name     string
		uid, gid uint32
		groups   []uint32
		want     string // codes of: list members, append a note, forget nobody
	}{
		{"root", 0, 0, nil, all},
		{"outsider", outsider, outsider, nil, nothing},
		{"outsider of other groups", reader, 100, []uint32{opsGroup}, nothing},
		{"reader", reader, socketGroup, nil, look},
		{"reader by a supplementary group", reader, 100, []uint32{7, socketGroup}, look},
		{"submitter", submitter, 100, []uint32{socketGroup, opsGroup}, submit},
		{"admin", admin, socketGroup, nil, all},
		{"admin whom the kernel keeps out", admin, 100, nil, nothing},
	} {
		got := askAs(t, program, o.Socket, &syscall.Credential{Uid: c.uid, Gid: c.gid, Groups: c.groups})
		if codes, words, _ := strings.Cut(got, "\n"); codes != c.want || strings.Contains(codes, "77") && strings.Count(words, "\n") != 2*strings.Count(codes, "77") {
			t.Errorf("%s: %q, want %s, and a line and a hint for each 77", c.name, got, c.want)
		}
	}
	// Even if the files let everybody in.
	for _, path := range []string{filepath.Dir(o.Socket), o.Socket} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if got := askAs(t, program, o.Socket, &syscall.Credential{Uid: outsider, Gid: outsider}); !strings.HasPrefix(got, nothing+"\nuser 65534 has no rights on this node\n") {
		t.Errorf("an outsider at an open socket: %q", got)
	}
	if got := askAs(t, program, o.Socket, &syscall.Credential{Uid: admin, Gid: 100}); !strings.HasPrefix(got, all) {
		t.Errorf("an admin at an open socket: %q", got)
	}
}

func copyProgram(t *testing.T, to string) {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(file, from)
	if err := errors.Join(err, file.Chmod(0o755), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// askAs gives what a user was told.
func askAs(t *testing.T, program, socket string, who *syscall.Credential) string {
	t.Helper()
	cmd := exec.Command(program, asUser, socket)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &complaints)
	}
	return string(out)
}

// ask is the program of askAs: it prints three codes, and then what was said.
func ask(socket string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := control.NewClient(socket)
	_, look := client.Members(ctx)
	_, note := client.Append(ctx, []byte("x"))
	var codes, words []string
	for _, err := range []error{look, note, client.Forget(ctx, "nobody", false)} {
		var f *core.Fault
		switch {
		case err == nil:
			codes = append(codes, "0")
		case errors.As(err, &f):
			codes, words = append(codes, fmt.Sprint(int(f.Code))), append(words, f.Message, f.Hint)
		default:
			codes = append(codes, err.Error())
		}
	}
	fmt.Println(strings.Join(codes, " ") + "\n" + strings.Join(words, "\n"))
}

// withSocket is as much of a daemon as its socket needs, and where that is.
func withSocket(t *testing.T, dir string) (d *daemon, path string, said *strings.Builder) {
	t.Helper()
	path, said = filepath.Join(dir, "s"), &strings.Builder{}
	l, err := netutil.ListenUnix(path, netutil.Unix{Socket: 0o600, Dir: 0o700, Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d = &daemon{logger: newLogger(), options: Options{Socket: path, Access: Access{Group: "late"}}}
	d.gate.Store(&gate{owner: os.Geteuid(), group: -1, awaits: "late"})
	return d, path, said
}

// standing is the mode and the group of a file.
func standing(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%v %d", info.Mode().Perm(), info.Sys().(*syscall.Stat_t).Gid)
}

func TestAGroupThatComesLaterGetsTheSocketAndADirectoryThatIsForItAlone(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can give files to any group, so what becomes of the socket is NOT tested in this run")
	}
	const given, left = "-rw-rw---- 54321", "-rw------- 54321"
	for _, c := range []struct {
		what  string
		ready func(dir string) error // before the socket is there
		want  string                 // of the directory
		told  bool                   // what is to be done by hand
	}{
		{"made for it", os.RemoveAll, "-rwxr-x--- 54321", false},
		{"made by systemd", func(dir string) error { return os.Chmod(dir, 0o750) }, "-rwxr-x--- 54321", false},
		{"with something else in it", func(dir string) error { return os.WriteFile(filepath.Join(dir, "other"), nil, 0o600) }, "-rwx------ 0", true},
		{"of another group's, which may use it", func(dir string) error {
			return errors.Join(os.Chown(dir, 0, opsGroup), os.Chmod(dir, 0o750))
		}, fmt.Sprintf("-rwxr-x--- %d", opsGroup), true},
		{"of another user's", func(dir string) error { return os.Chown(dir, reader, 0) }, "-rwx------ 0", true},
		{"open to all", func(dir string) error { return os.Chmod(dir, 0o755) }, "-rwxr-xr-x 0", false},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		if err := errors.Join(os.Mkdir(dir, 0o700), c.ready(dir)); err != nil {
			t.Fatal(err)
		}
		d, path, said := withSocket(t, dir)
		log := func(_ bool, text string) { fmt.Fprintln(said, text) }
		d.judgeBy(&gate{owner: 0, group: socketGroup, log: log})
		if got := standing(t, path); got != given {
			t.Errorf("%s: the socket is %s, want %s", c.what, got, given)
		}
		if got := standing(t, dir); got != c.want {
			t.Errorf("%s: the directory is %s, want %s", c.what, got, c.want)
		}
		if told := strings.Contains(said.String(), "chgrp 54321"); told != c.told {
			t.Errorf("%s: it said %q", c.what, said)
		}
		if c.told { // until somebody does it, and the configuration is read again
			said.Reset()
			d.judgeBy(&gate{owner: 0, group: socketGroup, log: log})
			if !strings.Contains(said.String(), "chgrp 54321") {
				t.Errorf("%s: at a reload it said %q", c.what, said)
			}
		}
		d.judgeBy(&gate{owner: 0, group: -1, log: log})
		if got := standing(t, path); got != left {
			t.Errorf("%s: without the group the socket is %s, want %s", c.what, got, left)
		}
	}
}

func TestAGroupIsAwaitedUntilItComes(t *testing.T) {
	for name, want := range map[string]bool{"": false, "no-such-group": false, "54321": true} {
		if g := (gate{awaits: name}); g.come() != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
