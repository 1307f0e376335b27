package netutil

import (
	"errors"
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
	if _, err := ListenUnix(path, private); !errors.Is(err, ErrSocketHeld) {
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

func TestAFileThatIsNoSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(path, private); err == nil {
		t.Fatal("no error")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "data" {
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
