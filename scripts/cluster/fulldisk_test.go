package cluster

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hb/core/control"
)

// bulk is a note of the size of many.
var bulk = []byte(strings.Repeat("x", 60<<10))

// fill writes a file until there is no room.
func (v *volume) fill() (ballast string) {
	v.t.Helper()
	ballast = filepath.Join(v.at, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	zeros := make([]byte, 1<<20)
	for size := len(zeros); size > 4096; {
		if _, err := f.Write(zeros[:size]); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			v.t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		v.t.Fatal(err)
	}
	return ballast
}

// flood appends large notes through a node until something has happened.
func (c *cluster) flood(n *node, happened func() bool) {
	c.t.Helper()
	way := control.NewClient(n.socket)
	end := time.Now().Add(2 * time.Minute)
	for !happened() {
		if time.Now().After(end) {
			c.t.Fatal("nothing happened however much was written")
		}
		patient, done := context.WithTimeout(c.t.Context(), 5*time.Second)
		_, _ = way.Append(patient, bulk) // what was acknowledged is another test's matter
		done()
	}
}

func (n *node) says(words string) func() bool {
	return func() bool { return strings.Contains(n.log.String(), words) }
}

func TestALeaderWhoseDiskIsFullYieldsAndGoesOnByItselfWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	c := block(t, 7, 3)
	var disks []*volume
	for _, n := range c.nodes {
		disks = append(disks, newVolume(t, c, n, n.dir, "64M"))
	}
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "90s")
	}
	full := c.leader(c.nodes[0])
	ballast := disks[c.at(full)].fill()
	other := c.other(full)
	c.flood(other, full.says("the disk is full: nothing is accepted until there is room"))
	c.eventually("another leads", time.Minute, func() bool {
		return c.hb(other, "leader").code == 0 && c.leader(other) != full
	})
	index := strings.TrimSpace(c.must(other, "log", "append", "with two disks"))
	c.eventually("it calls itself degraded", time.Minute, func() bool {
		return strings.Contains(c.must(full, "status"), "degraded")
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	c.eventually("it has noticed the room", time.Minute, full.says("the disk has room again"))
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "quorum", "applied="+index, "--timeout", "90s")
	}
	at, _ := strconv.ParseUint(index, 10, 64)
	if found, _ := full.notesFrom(t, at); found[at] != "with two disks" {
		t.Errorf("%s has %q at %d", full.name, found[at], at)
	}
}

func TestANodeWhoseDiskFailsStopsAndSaysSo(t *testing.T) {
	t.Parallel()
	c := block(t, 8, 3)
	ill := c.nodes[1]
	disk := newVolume(t, c, ill, ill.dir, volumeSize)
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "90s")
	}
	disk.cut() // and no mercy: whatever it writes now fails
	ended := make(chan error, 1)
	go func() { ended <- ill.cmd.Wait() }()
	c.flood(c.other(ill), func() bool { return len(ended) > 0 })
	if err := <-ended; ill.cmd.ProcessState.ExitCode() != 74 {
		t.Errorf("it ended with %v:\n%s", err, ill.log)
	}
	ill.cmd = nil
	for _, words := range []string{"input/output error", ill.data()} {
		if !strings.Contains(ill.log.String(), words) {
			t.Errorf("%q is not in what it said:\n%s", words, ill.log)
		}
	}
	index := strings.TrimSpace(c.must(c.other(ill), "log", "append", "without it"))
	disk.remount()
	c.start(ill)
	c.must(ill, "wait", "ready", "applied="+index, "--timeout", "90s")
}

// thinPool is a directory with little room of its own, for images that promise more.
func thinPool(t *testing.T, size string) (dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: mounting a file system needs root; a full disk is NOT tested in this run")
	}
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "hb-thin", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no tmpfs here, so a full disk is NOT tested in this run: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
	return dir
}

// TestANodeWhoseThinDiskRunsOutLosesNothing is about a disk that has room, as the
// file system sees it, and none below: writes succeed, and syncs do not.
func TestANodeWhoseThinDiskRunsOutLosesNothing(t *testing.T) {
	t.Parallel()
	c := block(t, 9, 3)
	ill := c.nodes[1]
	pool := thinPool(t, "40M")
	disk := newVolume(t, c, ill, pool, volumeSize)
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "90s")
	}
	first := strings.TrimSpace(c.must(ill, "log", "append", "with room"))
	ended := make(chan error, 1)
	go func() { ended <- ill.cmd.Wait() }()
	waits := ill.says("the disk is full: nothing is accepted until there is room")
	c.flood(c.other(ill), func() bool { return len(ended) > 0 || waits() })
	index := strings.TrimSpace(c.must(c.other(ill), "log", "append", "without it"))

	if out, err := exec.Command("mount", "-o", "remount,size=1G", pool).CombinedOutput(); err != nil {
		t.Fatalf("more room: %v: %s", err, out)
	}
	if len(ended) == 0 { // it may go on by itself, or find its file system broken
		room := ill.says("the disk has room again")
		c.eventually("it has noticed the room, or its end", 2*time.Minute, func() bool { return len(ended) > 0 || room() })
	}
	over := len(ended) > 0
	if over {
		if err := <-ended; ill.cmd.ProcessState.ExitCode() != 74 || !strings.Contains(ill.log.String(), ill.data()) {
			t.Errorf("it ended with %v:\n%s", err, ill.log)
		}
		ill.cmd = nil
		disk.remount()
		c.start(ill)
	}
	c.must(ill, "wait", "ready", "applied="+index, "--timeout", "90s")
	from, _ := strconv.ParseUint(first, 10, 64)
	at, _ := strconv.ParseUint(index, 10, 64)
	if found, first := ill.notesFrom(t, from); found[at] != "without it" || first <= from && found[from] != "with room" {
		t.Errorf("%s has the log from %d, %q at %d and %q at %d", ill.name, first, found[from], from, found[at], at)
	}
	if !over {
		ill.cmd.Process.Kill() // whoever waits for it is there already
		<-ended
		ill.cmd = nil
	}
}
