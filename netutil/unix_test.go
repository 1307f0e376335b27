package netutil

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var private = Unix{Socket: 0o600, Dir: 0o700, Group: -1}

func TestTheDirectoryAndTheSocketAreForTheirOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "er", "hb.sock")
	l, err := ListenUnix(path, private)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != want {
			t.Fatalf("%s: %v, %v; want %v", file, info.Mode(), err, want)
		}
	}
	l.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("after Close the socket is still there: %v", err)
	}
}

func TestALivingSocketIsRefusedAndADeadOneReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hb.sock")
	living, err := ListenUnix(path, private)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(path, private); !errors.Is(err, ErrSocketHeld) || !strings.HasSuffix(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Fatalf("beside a living one: %v", err)
	}
	living.SetUnlinkOnClose(false) // as a killed process leaves it
	living.Close()
	next, err := ListenUnix(path, private)
	if err != nil {
		t.Fatalf("in place of a dead one: %v", err)
	}
	next.Close()
}

func TestWhatIsNoSocketOfOursIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	precious, link, dangling := filepath.Join(dir, "precious"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	if err := os.WriteFile(precious, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{link: precious, dangling: filepath.Join(dir, "nothing")} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(dir, "datagrams")
	datagrams, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: other, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	for path, says := range map[string]string{
		precious: "is no socket", link: "is no socket", dangling: "is no socket", dir: "is no socket", other: "another kind",
	} {
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ListenUnix(path, private); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, wanted that it %s", path, err, says)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s was replaced: %v", path, err)
		}
	}
	if b, err := os.ReadFile(precious); err != nil || string(b) != "data" {
		t.Fatalf("the file is now %q, %v", b, err)
	}
}

func TestAPathBeyondTheKernelsRoomIsNamed(t *testing.T) {
	_, err := ListenUnix("/tmp/"+strings.Repeat("x", 120), private)
	if err == nil || !strings.Contains(err.Error(), "107") {
		t.Fatalf("got %v", err)
	}
}

func TestTheKernelVouchesForThePeer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hb.sock")
	l, err := ListenUnix(path, private)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	peer, err := PeerOf(conn)
	if err != nil {
		t.Fatal(err)
	}
	if peer.PID != os.Getpid() || peer.UID != os.Getuid() || peer.GID != os.Getgid() {
		t.Fatalf("got %+v", peer)
	}
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(groups)
	slices.Sort(peer.Groups)
	if !slices.Equal(slices.Compact(groups), slices.Compact(peer.Groups)) {
		t.Fatalf("groups %v, want %v", peer.Groups, groups)
	}
}

func TestADirectoryThatWasMadeForTheSocketIsOpenedToItsGroup(t *testing.T) {
	for _, given := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "d")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := ListenUnix(filepath.Join(dir, "s"), Unix{Socket: 0o660, Dir: 0o750, Group: os.Getegid(), Given: given})
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() == 0o750 != given {
			t.Errorf("given: %v; its mode is %v, %v", given, info.Mode(), err)
		}
	}
}
