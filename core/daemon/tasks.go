package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"hb/core"
	"hb/core/node"
)

// tasks are the processes and the output of this node's attempts. Only the loop
// calls its methods; none waits.
type tasks struct {
	dir   string   // of the spools
	user  []string // what the environment says of the user
	name  string
	id    core.NodeID
	boot  string
	own   own
	live  map[core.Fence]*attempt
	spawn func(func())
	tell  func(node.Event) bool
	log   func(warn bool, text string)
	quit  <-chan struct{}
}

// exec starts an attempt.
func (t *tasks) exec(e node.Exec) {
	a := &attempt{
		exec: e, spool: newSpool(spoolPath(t.dir, e.Fence)),
		signals: make(chan syscall.Signal, 16), done: make(chan struct{}),
		env: environment(e, t.user, t.name, t.id), boot: t.boot, now: time.Now, tell: t.tell,
	}
	a.lease.Store(int64(e.Until))
	t.live[e.Fence] = a
	t.spawn(a.run)
}

// renew lets an exclusive attempt run longer.
func (t *tasks) renew(e node.Renew) {
	if a := t.live[e.Fence]; a != nil {
		a.lease.Store(max(a.lease.Load(), int64(e.Until)))
	}
}

// seen keeps account of the attempts by the events that the machine is told.
func (t *tasks) seen(ev node.Event) {
	switch ev := ev.(type) {
	case node.ExecStarted:
		t.publish()
	case node.ExecEnded:
		delete(t.live, ev.Fence)
		t.own.ended.Add(ev.Result.GetCpuNanos())
		t.publish()
	}
}

// publish tells the sampler which processes are hb's.
func (t *tasks) publish() {
	var pids []int
	for _, a := range t.live {
		if pid := a.pid.Load(); pid != 0 {
			pids = append(pids, int(pid))
		}
	}
	t.own.pids.Store(&pids)
}

// signal reaches an attempt that runs; one that has ended needs none.
func (t *tasks) signal(e node.Signal) {
	if a := t.live[e.Fence]; a != nil {
		a.signal(e.Sig)
	}
}

// reap ends what an earlier run left.
func (t *tasks) reap(e node.Reap) {
	id, boot := t.id, t.boot
	t.spawn(func() {
		if did := reap(e.Started, id, boot); did != "" {
			t.log(false, did)
		}
		t.tell(node.Reaped{Fence: core.Fence(e.Started.Fence)})
	})
}

// errNoSpool says that the attempt has not begun, or its output is deleted.
var errNoSpool = errors.New("its output is not kept here")

// read answers ReadSpool.
func (t *tasks) read(e node.ReadSpool) {
	a, path := t.live[e.Fence], spoolPath(t.dir, e.Fence)
	size, ended := int64(-1), true
	if a == nil {
		// What is not there now may begin before the file is opened, and
		// would then look like the whole of an attempt that is over.
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			t.spawn(func() { t.tell(node.Spooled{Ticket: e.Ticket, Err: errNoSpool}) })
			return
		}
	}
	t.spawn(func() {
		if a != nil {
			size, ended = a.spool.await(int64(e.From), t.quit)
		}
		if !ended && size <= int64(e.From) {
			t.tell(node.Spooled{Ticket: e.Ticket})
			return
		}
		data, eof, err := readSpool(path, int64(e.From), size, e.Max)
		if errors.Is(err, fs.ErrNotExist) {
			err = errNoSpool
		}
		t.tell(node.Spooled{Ticket: e.Ticket, Data: data, EOF: eof && ended, Err: err})
	})
}

// drop deletes the output of an attempt that has ended.
func (t *tasks) drop(f core.Fence) {
	path := spoolPath(t.dir, f)
	t.spawn(func() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.log(true, "deleting old output: "+err.Error())
		}
	})
}

// killAll ends what still runs when the node does: nobody would be left to say
// how it ended.
func (t *tasks) killAll() {
	for _, a := range t.live {
		a.signal(syscall.SIGKILL)
	}
	late := time.After(reapPatience)
	for _, a := range t.live {
		select {
		case <-a.done:
		case <-late:
			return // stuck in the kernel; the next start will see to it
		}
	}
}

// spoolsKept is how long output is kept at most. The runner drops it earlier;
// this is for what it has forgotten.
const spoolsKept = 24 * time.Hour

// openSpools makes the directory of the spools, and clears it of old ones.
func openSpools(dataDir string, now time.Time) (string, error) {
	dir := filepath.Join(dataDir, "spool")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, file := range files {
		if info, err := file.Info(); err == nil && now.Sub(info.ModTime()) > spoolsKept {
			_ = os.Remove(filepath.Join(dir, file.Name()))
		}
	}
	return dir, nil
}
