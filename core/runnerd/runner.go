package runnerd

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/supervise"
	"hb/core/wire"
	"hb/netutil"
)

// Options says for whom a runner process works.
type Options struct {
	// DataDir is the data directory of its node.
	DataDir string
	// Linger is how long tasks go on without a daemon.
	Linger time.Duration
	// Build is the program's own version.
	Build string
	// Slack is the timer slack of the tasks; zero: that of this process.
	Slack time.Duration
	// Ready is called once, when a daemon can connect; nil is allowed.
	Ready func()
	// Stop, when it is closed, says that the machine stops; nil: never.
	Stop <-chan struct{}

	bare bool // of cgroups, which tests do without to see the other ways
}

// homeEvery is how often a runner process without a daemon looks whether its
// data directory is still there, and one with attempts for orphans that ended.
const homeEvery = time.Second

// runner is the process. One goroutine, that of serve, owns it.
type runner struct {
	options  Options
	lock     *os.File
	spools   string
	home     os.FileInfo // of the socket
	listener *net.UnixListener
	around   surroundings
	node     atomic.Uint64

	machine  *supervise.Machine
	in       chan input
	done     chan struct{} // closed when nothing is taken any more
	attempts map[core.Fence]*attempt
	execs    map[core.Fence]*wire.RunnerExec // not forked yet
	silent   map[core.Fence]bool             // ended without output, and not dropped yet
	daemon   *Link                           // nil: there is none
	exited   bool
}

// input is what comes to the one goroutine: an event of its own, or something
// of a daemon.
type input struct {
	ev    supervise.Event
	from  *Link
	frame *wire.ToRunner // nil with a from: that daemon is gone
	came  *Link
	note  string // for the operator
}

// Serve is the runner process, until nothing is left to run. It gives nil or a
// *core.Fault.
func Serve(o Options) error {
	r, fault := open(o)
	if fault != nil {
		return fault
	}
	defer r.close()
	if o.Ready != nil {
		o.Ready()
	}
	go r.accept()
	r.serve()
	return nil
}

// lock makes sure, until the file is closed, that nobody else runs the tasks of
// this directory.
func lock(dir string) (*os.File, *core.Fault) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, core.Faultf(core.CodeIO, "%v", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, core.Faultf(core.CodeBusy, "another runner process works for %s", dir)
	}
	return file, nil
}

func open(o Options) (*runner, *core.Fault) {
	held, fault := lock(o.DataDir)
	if fault != nil {
		return nil, fault
	}
	boot, err := netutil.BootID()
	if err != nil {
		return nil, core.Faultf(core.CodeIO, "%v", err)
	}
	r := &runner{
		options: o, lock: held, in: make(chan input, 256), done: make(chan struct{}), attempts: map[core.Fence]*attempt{}, execs: map[core.Fence]*wire.RunnerExec{}, silent: map[core.Fence]bool{},
		machine: supervise.New(now(), supervise.Options{Linger: o.Linger}),
	}
	if r.spools, err = openSpools(o.DataDir, time.Now()); err != nil {
		return nil, core.Faultf(core.CodeIO, "%v", err)
	}
	nothing, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, core.Faultf(core.CodeIO, "%s: %v", os.DevNull, err)
	}
	places := &cgroups{}
	if !o.bare {
		places = openCgroups(o.DataDir)
	}
	r.around = surroundings{
		boot: boot, family: newFamily(), cgroups: places, nothing: nothing, slack: o.Slack,
		started: func(s *wire.Started) { r.tell(supervise.Forked{Started: s}) },
		ended:   func(f core.Fence, res *wire.Result) { r.tell(supervise.Ended{Fence: f, Result: res}) },
	}
	r.around.family.node = func() core.NodeID { return core.NodeID(r.node.Load()) }
	if err := adoptOrphans(); err != nil {
		return nil, core.Faultf(core.CodeIO, "the kernel does not give orphans to this process: %v", err)
	}
	if r.listener, err = listen(o.DataDir); err != nil {
		return nil, core.Faultf(core.CodeIO, "%v", err)
	}
	if r.home, err = os.Stat(r.socket()); err != nil {
		return nil, core.Faultf(core.CodeIO, "%v", err)
	}
	return r, nil
}

func (r *runner) socket() string { return filepath.Join(r.options.DataDir, socketName) }

func now() core.Instant { return core.Instant(netutil.BootClock()) }

func (r *runner) tell(ev supervise.Event) { r.put(input{ev: ev}) }

func (r *runner) put(i input) {
	select {
	case r.in <- i:
	case <-r.done:
	}
}

// accept takes the daemons that come; the newest counts.
func (r *runner) accept() {
	for {
		conn, err := r.listener.AcceptUnix()
		if err != nil {
			return
		}
		l := newLink(conn)
		r.put(input{came: l})
		go r.hear(l)
	}
}

func (r *runner) hear(l *Link) {
	for {
		frame := &wire.ToRunner{}
		if l.Receive(frame) != nil {
			r.put(input{from: l})
			return
		}
		r.put(input{from: l, frame: frame})
	}
}

// serve is the one goroutine.
func (r *runner) serve() {
	defer close(r.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	look := time.NewTicker(homeEvery)
	defer look.Stop()
	looking := true
	stop := r.options.Stop
	for !r.exited {
		if next := r.machine.Next(); next != core.Never {
			timer.Reset(max(0, next.Sub(now())))
		} else {
			timer.Stop()
		}
		if needed := r.daemon == nil || len(r.attempts) > 0; needed != looking {
			if looking = needed; needed {
				look.Reset(homeEvery)
			} else {
				look.Stop() // an idle node sleeps
			}
		}
		select {
		case i := <-r.in:
			r.take(i)
		case <-timer.C:
			r.step(supervise.Tick{})
		case <-look.C:
			r.lookAround()
		case <-stop:
			stop = nil
			r.step(supervise.Stop{})
		}
	}
}

// lookAround sees whether anybody can still come, and lets orphans that have
// ended go.
func (r *runner) lookAround() {
	if r.daemon == nil {
		if info, err := os.Stat(r.socket()); errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, r.home) {
			r.step(supervise.Homeless{})
			return
		}
	}
	if len(r.attempts) > 0 {
		go r.around.family.strays()
	}
}

func (r *runner) take(i input) {
	switch {
	case i.came != nil:
		if r.daemon != nil {
			go r.daemon.Abort()
		}
		r.daemon = i.came
		r.daemon.Send(&wire.FromRunner{Body: &wire.FromRunner_Hello{Hello: ourHello(r.options.Build, r.machine.Attempts())}})
		r.step(supervise.Came{})
	case i.from != nil && i.from != r.daemon: // an earlier daemon's
	case i.from != nil && i.frame == nil:
		go r.daemon.Abort()
		r.daemon = nil
		r.step(supervise.Went{})
	case i.from != nil:
		r.asked(i.frame)
	case i.note != "":
		r.send(&wire.FromRunner{Body: &wire.FromRunner_Note{Note: &wire.RunnerNote{Text: i.note}}})
	default:
		r.step(i.ev)
	}
}

// asked carries out what the daemon wants.
func (r *runner) asked(m *wire.ToRunner) {
	switch b := m.Body.(type) {
	case *wire.ToRunner_Adopt:
		r.node.Store(b.Adopt.GetNode())
		r.step(supervise.Adopt{Attempts: b.Adopt.GetAttempts()})
	case *wire.ToRunner_Exec:
		f := core.Fence(b.Exec.GetFence())
		if r.attempts[f] == nil {
			r.execs[f] = b.Exec
		}
		r.step(supervise.Exec{
			Fence: f, Limit: time.Duration(b.Exec.GetLimitNanos()), Until: core.Instant(b.Exec.GetUntil()), Abreast: int(b.Exec.GetAbreast()),
		})
		if !r.machine.Waits(f) {
			delete(r.execs, f)
		}
	case *wire.ToRunner_Recall:
		r.step(supervise.Recall{Fence: core.Fence(b.Recall)})
	case *wire.ToRunner_Renew:
		r.step(supervise.Renew{Fence: core.Fence(b.Renew.GetFence()), Until: core.Instant(b.Renew.GetUntil())})
	case *wire.ToRunner_Terminate:
		r.step(supervise.Terminate{Fence: core.Fence(b.Terminate.GetFence()), Grace: time.Duration(b.Terminate.GetGraceNanos())})
	case *wire.ToRunner_Disown:
		r.step(supervise.Disown{Fence: core.Fence(b.Disown)})
	case *wire.ToRunner_Release:
		r.step(supervise.Release{Fence: core.Fence(b.Release)})
	case *wire.ToRunner_Quit:
		r.step(supervise.Quit{})
	case *wire.ToRunner_Read:
		r.read(b.Read)
	case *wire.ToRunner_Drop:
		delete(r.silent, core.Fence(b.Drop))
		go r.drop(core.Fence(b.Drop))
	}
}

func (r *runner) step(ev supervise.Event) {
	if ended, is := ev.(supervise.Ended); is {
		if a := r.attempts[ended.Fence]; a != nil && a.spool.empty() {
			r.silent[ended.Fence] = true
		}
		delete(r.attempts, ended.Fence)
	}
	for _, f := range r.machine.Step(now(), ev) {
		r.carry(f)
	}
}

// carry carries out one effect of the supervisor, without waiting for it.
func (r *runner) carry(f supervise.Effect) {
	switch f := f.(type) {
	case supervise.Fork:
		a := &attempt{fence: f.Fence, exec: r.execs[f.Fence], spool: newSpool(spoolPath(r.spools, f.Fence)), surroundings: &r.around}
		r.attempts[f.Fence] = a
		delete(r.execs, f.Fence)
		go a.run()
	case supervise.Kill:
		if a := r.attempts[f.Fence]; a != nil {
			go a.signal(f.Sig)
		}
	case supervise.Reap:
		go r.reap(f.Started)
	case supervise.TellStarted:
		if a := r.attempts[core.Fence(f.Started.GetFence())]; a != nil && f.Started.StartTicks == 0 {
			f.Started.StartTicks = a.startTicks()
		}
		r.send(&wire.FromRunner{Body: &wire.FromRunner_Started{Started: f.Started}})
	case supervise.TellUnbegun:
		delete(r.execs, f.Fence)
		r.send(&wire.FromRunner{Body: &wire.FromRunner_Unbegun{Unbegun: uint64(f.Fence)}})
	case supervise.TellEnded:
		delete(r.execs, f.Fence) // it may have ended in the queue
		r.send(&wire.FromRunner{Body: &wire.FromRunner_Ended{Ended: &wire.Done{Fence: uint64(f.Fence), Result: f.Result}}})
	case supervise.TellGone:
		delete(r.execs, f.Fence)
		r.send(&wire.FromRunner{Body: &wire.FromRunner_Gone{Gone: uint64(f.Fence)}})
	case supervise.Exit:
		r.exited = true
	default:
		panic(fmt.Sprintf("an effect that nobody carries out: %T %+v", f, f))
	}
}

func (r *runner) send(m *wire.FromRunner) {
	if r.daemon != nil {
		r.daemon.Send(m)
	}
}

func (r *runner) reap(s *wire.Started) {
	if did := reap(s, core.NodeID(r.node.Load()), r.around.boot); did != "" {
		r.put(input{note: did})
	}
	r.tell(supervise.Reaped{Fence: core.Fence(s.GetFence())})
}

// errNoSpool says that the attempt has not begun, or its output is deleted.
var errNoSpool = errors.New("its output is not kept here")

// read gives the daemon a piece of a spool, when there is one.
func (r *runner) read(q *wire.RunnerRead) {
	l, a, path := r.daemon, r.attempts[core.Fence(q.GetFence())], spoolPath(r.spools, core.Fence(q.GetFence()))
	out := &wire.RunnerOutput{Ticket: q.GetTicket()}
	answer := func() { l.Send(&wire.FromRunner{Body: &wire.FromRunner_Output{Output: out}}) }
	if r.silent[core.Fence(q.GetFence())] {
		out.Eof = true
		answer()
		return
	}
	if a == nil {
		// What is not there now may begin before the file is opened, and
		// would then look like the whole of an attempt that is over.
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			out.Error = errNoSpool.Error()
			answer()
			return
		}
	}
	go func() {
		defer answer()
		from, size, ended := int64(q.GetFrom()), int64(-1), true
		if a != nil {
			size, ended = a.spool.await(from, r.done)
			if size <= from {
				out.Eof = ended
				return
			}
		}
		p, err := readSpool(path, from, size, int(q.GetMaxBytes()))
		if errors.Is(err, fs.ErrNotExist) {
			err = errNoSpool
		}
		if err != nil {
			out.Error = err.Error()
		}
		out.Data, out.Skipped, out.At, out.Eof = p.data, uint64(p.skipped), uint64(p.at), p.eof && ended
	}()
}

// drop deletes the output of an attempt that has ended.
func (r *runner) drop(f core.Fence) {
	if err := dropSpool(spoolPath(r.spools, f)); err != nil {
		r.put(input{note: "deleting old output: " + err.Error()})
	}
}

// close gives back what open has taken.
func (r *runner) close() {
	defer r.lock.Close()
	unix.Close(r.around.nothing)
	r.listener.Close()
	if r.daemon != nil {
		r.daemon.Close()
	}
	r.around.cgroups.close()
	if info, err := os.Stat(r.socket()); err == nil && os.SameFile(info, r.home) {
		_ = os.Remove(r.socket())
	}
}
