package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// stallGoal is how soon a leader whose disk takes writes and finishes none must
// have a successor: an election timeout until it notices, and a handover.
const stallGoal = 1500 * time.Millisecond

// stalledLeader freezes the file system under the leader of three voters, each
// with a disk of its own, while clients write. It takes root and loop devices;
// where they are missing there is no figure, and the row says why.
func (b *bench) stalledLeader(ctx context.Context) ([]row, error) {
	const times = 3
	v := &volumes{dir: b.dir}
	defer v.remove()
	if err := v.try(); err != nil {
		return []row{{"leader's disk stalled, next one commits", "not taken: " + err.Error(), "", true}}, nil
	}
	nodes, end, err := b.clusterOf(3, v.under)
	if err != nil {
		return nil, err
	}
	defer end()
	defer v.thawAll()
	if v.failed != nil {
		return nil, v.failed
	}
	var writing sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	defer writing.Wait()
	defer stop()
	for _, i := range nodes {
		writing.Go(func() { keepWriting(ctx, i) })
	}
	r, err := away{"leader's disk stalled", times, stallGoal, v.freeze, v.thaw}.measure(ctx, nodes)
	return []row{r}, err
}

// keepWriting asks for an entry now and then, whatever becomes of it.
func keepWriting(ctx context.Context, i *instance) {
	for ctx.Err() == nil {
		late, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		_ = i.put(1)(late)
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// volumes are file systems in files, one under the data directory of each node.
type volumes struct {
	dir     string
	mounted []string
	failed  error
}

// try finds out whether one can be had here.
func (v *volumes) try() error {
	at := filepath.Join(v.dir, "volume")
	if err := os.Mkdir(at, 0o700); err != nil {
		return err
	}
	return v.mount(at)
}

// under mounts one where a node will keep its data.
func (v *volumes) under(i *instance) {
	err := os.Mkdir(i.data(), 0o700)
	if err == nil {
		err = v.mount(i.data())
	}
	if v.failed == nil {
		v.failed = err
	}
}

func (v *volumes) mount(at string) error {
	const size = 256 << 20 // a hole; the disk gives what is used
	image := filepath.Join(v.dir, fmt.Sprintf("volume%d.img", len(v.mounted)))
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", image},
		{"mount", "-o", "loop", image, at},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, out)
		}
	}
	v.mounted = append(v.mounted, at)
	return nil
}

// remove unmounts all of them.
func (v *volumes) remove() {
	v.thawAll()
	for _, at := range v.mounted {
		if err := exec.Command("umount", at).Run(); err != nil {
			_ = exec.Command("umount", "-l", at).Run()
		}
	}
}

// Freezing a file system makes every write and sync in it wait until the thaw.
func (v *volumes) freeze(i *instance) error { return fsControl(i.data(), fiFreeze) }
func (v *volumes) thaw(i *instance) error   { return fsControl(i.data(), fiThaw) }

func (v *volumes) thawAll() {
	for _, at := range v.mounted {
		_ = fsControl(at, fiThaw) // one that is not frozen says so
	}
}

// The requests of linux/fs.h: _IOWR('X', 119, int) and 120.
const fiFreeze, fiThaw = 0xc0045877, 0xc0045878

func fsControl(at string, request uint) error {
	d, err := os.Open(at)
	if err != nil {
		return err
	}
	defer d.Close()
	return os.NewSyscallError("ioctl", unix.IoctlSetInt(int(d.Fd()), request, 0))
}
