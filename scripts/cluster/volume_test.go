package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// volume is a file system of a node's own, on a file, for its data directory.
type volume struct {
	t     *testing.T
	base  string // of the name of its image
	image string
	lives int // how often it was mounted again
	at    string
}

// The request that stops an ext4 as a power cut does (ext4.h), and how: nothing
// that is not on the disk yet gets there any more.
const (
	ext4Shutdown = 0x8004587d
	withoutFlush = 2
	volumeSize   = "256M"
)

// volumes gives each node of a cluster a file system of its own. It skips, loudly,
// where none can be made.
func (c *cluster) volumes() []*volume {
	c.t.Helper()
	var all []*volume
	for _, n := range c.nodes {
		all = append(all, newVolume(c.t, c, n, n.dir, volumeSize))
	}
	return all
}

// newVolume makes an ext4 for a node on a sparse file in a directory.
func newVolume(t *testing.T, c *cluster, n *node, dir, size string) *volume {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: mounting a file system needs root; cuts of the power are NOT tested in this run")
	}
	v := &volume{t: t, base: filepath.Join(dir, n.name+".ext4"), at: n.data()}
	v.image = v.base
	if err := os.MkdirAll(v.at, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{
		{"truncate", "-s", size, v.image},
		{"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", v.image},
	} {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: no ext4 here, so cuts of the power are NOT tested in this run: %v: %s", err, out)
		}
	}
	if out, err := exec.Command("mount", "-o", "loop", v.image, v.at).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no loop mounts here, so cuts of the power are NOT tested in this run: %v: %s", err, out)
	}
	t.Cleanup(func() {
		c.kill(n)
		v.umount()
	})
	os.Remove(filepath.Join(v.at, "lost+found"))
	return v
}

// cut stops the file system at once, as when the power goes.
func (v *volume) cut() {
	v.t.Helper()
	dir, err := os.Open(v.at)
	if err != nil {
		v.t.Fatal(err)
	}
	defer dir.Close()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), ext4Shutdown, withoutFlush); err != nil {
		v.t.Skipf("SKIPPED: this kernel shuts no ext4 down, so cuts of the power are NOT tested in this run: %v", err)
	}
}

// remount mounts what is on the disk: a copy of it, for the file system that was
// cut may live on in the mount namespace of another test's process, and whoever
// mounts its image again gets that one, dead as it is. No process may have a file
// open on it.
func (v *volume) remount() {
	v.t.Helper()
	v.umount()
	v.lives++
	next := fmt.Sprintf("%s.%d", v.base, v.lives)
	for _, words := range [][]string{
		{"cp", "--sparse=always", v.image, next},
		{"mount", "-o", "loop", next, v.at},
	} {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			v.t.Fatalf("mounting %s again: %s: %v: %s", v.image, words[0], err, out)
		}
	}
	os.Remove(v.image)
	v.image = next
}

// evict ends what still runs on the file system once its node is dead: the
// runner process, and its tasks.
func (v *volume) evict() {
	open, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range open {
		if file, err := os.Readlink(fd); err == nil && strings.HasPrefix(file, v.at+"/") {
			pid, _ := strconv.Atoi(strings.Split(fd, "/")[2])
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// umount may have to wait: a process that another test has just forked holds
// all that this one had open, until it runs its own program.
func (v *volume) umount() {
	v.evict()
	for end := time.Now().Add(30 * time.Second); ; <-time.After(50 * time.Millisecond) {
		out, err := exec.Command("umount", v.at).CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			v.t.Errorf("umount %s: %v: %s", v.at, err, out)
			return
		}
	}
}
