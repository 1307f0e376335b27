package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"hb/core"
	"hb/core/control"
	"hb/netutil"
)

const (
	// termBefore and killBefore are how long before the end of a lease a command
	// is asked to end, and is ended.
	termBefore = 2 * time.Second
	killBefore = 500 * time.Millisecond
	// lastBefore is how long before it the kernel ends hb itself, and with it the
	// command: that happens only to one who is stopped.
	lastBefore = 250 * time.Millisecond
	// freshWithin is how long the news that came while hb was stopped may take to
	// be read.
	freshWithin = 2 * time.Second
	// lookEvery is how often the clock that counts suspend is looked at: a timer
	// does not count it.
	lookEvery = 200 * time.Millisecond
	// letGoTime is how long letting go may take before hb ends all the same; the
	// lock then ends with its lease.
	letGoTime = 5 * time.Second
)

// holding is one command under one lock.
type holding struct {
	*call
	want  control.NewLock
	env   []string
	path  string        // of the command
	line  chan net.Conn // the connection that the lock hangs on
	until core.Instant
	last  deadline // hb's own, for until
	child *childGroup
	woke  core.Instant   // when hb went on after its user had stopped both, and the child not yet; 0: no such time
	sent  syscall.Signal // the last with which the child was told to end; 0: none
	lost  error
}

// underLock runs the command behind "--" while a lock is held, and gives its
// exit code. Not obtained within limit (0: none): code.
func (c *call) underLock(want control.NewLock, limit time.Duration, code exit, env []string) error {
	path, err := executable(c.behind[0])
	if err != nil {
		return err
	}
	want.Session = control.MintSession()
	h := &holding{call: c, want: want, env: env, path: path, line: make(chan net.Conn, 16)}
	client, err := c.client()
	if err != nil {
		return err
	}
	client.Dialed = func(conn net.Conn) {
		select {
		case h.line <- conn:
		default:
		}
	}
	return h.run(client, limit, code)
}

// executable finds what is to run before anybody waits for it.
func executable(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil || errors.Is(err, exec.ErrDot):
		return path, nil
	case errors.Is(err, fs.ErrPermission):
		return "", core.Faultf(core.CodeNotExec, "%s: cannot be executed", name)
	}
	return "", core.Faultf(core.CodeNotFound, "%s: no such command", name)
}

// run waits for the lock, runs the command, and lets go.
func (h *holding) run(client *control.Client, limit time.Duration, code exit) error {
	ctx, hangUp := context.WithCancel(h.Context.Context)
	defer hangUp()
	news, over := make(chan control.Lock), make(chan error, 1)
	go func() {
		over <- client.Lock(ctx, h.want, func(l *control.Lock) error {
			select {
			case news <- *l:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	late, gaveUp := after(limit), after(h.Duration("timeout")) // neither ends what runs
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for {
		select {
		case l := <-news:
			if err := h.told(&l); err != nil {
				h.letGo()
				return err
			}
		case err := <-over:
			over = nil
			if h.child == nil {
				return notHeld(err, code)
			}
			h.loses(err)
		case <-late:
			if h.child == nil {
				h.letGo()
				return code
			}
		case <-gaveUp:
			if h.child == nil {
				h.letGo()
				return core.Faultf(core.CodeTaskLost, "gave up after %v: %s was not run", h.Duration("timeout"), h.behind[0])
			}
		case sig := <-signals:
			if h.child == nil {
				h.letGo()
				return exit(128 + int(sig.(syscall.Signal)))
			}
			h.child.signal(sig.(syscall.Signal))
		case <-ticks.C:
			h.watchLease()
		case <-h.child.stopped():
			h.last.clear()
			h.child.rest()
			h.woke = bootTime()
		case status := <-h.child.done():
			h.last.clear()
			h.letGo()
			if h.lost != nil {
				return h.lost
			}
			return status
		}
	}
}

// after is a channel that says when a time is over; of 0, never.
func after(d time.Duration) <-chan time.Time {
	if d <= 0 {
		return nil
	}
	return time.After(d)
}

// notHeld is why there was nothing to run.
func notHeld(err error, code exit) error {
	var f *core.Fault
	switch {
	case err == nil:
		return core.Faultf(core.CodeTaskLost, "the node has ended the wait without a word")
	case errors.As(err, &f) && f.Code == core.CodeNo:
		return code
	case errors.As(err, &f) && f.Code != core.CodeUsage:
		return core.Faultf(core.CodeTaskLost, "%s", f.Message).WithHint("%s", f.Hint)
	}
	return err
}

// told takes what the node says: the first time that the lock is held the
// command begins.
func (h *holding) told(l *control.Lock) error {
	if !l.Held {
		return nil
	}
	h.until = l.Instant()
	if h.child == nil && bootTime().Add(termBefore) >= h.until {
		return nil
	}
	noTimer := h.last.set(h.until.Add(-lastBefore))
	if h.child != nil {
		return nil
	}
	if noTimer != nil && !h.quiet {
		fmt.Fprintf(h.stderr, "hb: should hb be stopped, nothing will end %s before the lease does: %v\n", h.behind[0], noTimer)
	}
	env := append(os.Environ(), h.env...)
	child, err := startGroup(h.path, h.behind, append(env, "HB_FENCE="+*l.Fence), h.hook())
	h.child = child
	return err
}

// hook is a copy of the connection that the lock hangs on: whoever keeps it open
// keeps the lock, as far as the node can tell.
func (h *holding) hook() *os.File {
	var last net.Conn
	for len(h.line) > 0 {
		last = <-h.line
	}
	if conn, is := last.(*net.UnixConn); is {
		if f, err := conn.File(); err == nil {
			return f
		}
	}
	return nil
}

// loses ends the command because the lock is lost.
func (h *holding) loses(err error) {
	var f *core.Fault
	if !errors.As(err, &f) {
		f = core.Faultf(core.CodeTaskLost, "the node has ended the lock without a word: %v", err)
	}
	h.lost = lockLost{core.Faultf(core.CodeTaskLost, "%s; %s was ended", f.Message, h.behind[0])}
	h.end(syscall.SIGTERM)
}

// watchLease ends the command in time before the lease does.
func (h *holding) watchLease() {
	if h.child == nil {
		return
	}
	now := bootTime()
	left := h.until.Sub(now)
	if h.woke != 0 {
		if left <= termBefore && now < h.woke.Add(freshWithin) {
			return
		}
		if h.woke = 0; left > termBefore {
			h.child.goOn()
		}
	}
	if left <= termBefore && h.lost == nil {
		h.lost = lockLost{core.Faultf(core.CodeTaskLost, "the lease was not renewed in time; %s was ended", h.behind[0])}
		h.end(syscall.SIGTERM)
	}
	if left <= killBefore {
		h.end(syscall.SIGKILL)
	}
}

// end sends a signal to the whole command, and SIGKILL as often as it takes.
func (h *holding) end(sig syscall.Signal) {
	if h.sent == sig && sig != syscall.SIGKILL {
		return
	}
	h.sent = sig
	h.child.signal(sig)
	h.child.signal(syscall.SIGCONT)
}

// letGo tells the cluster that the lock is free, and does not end before it is,
// so that whoever asks next gets it.
func (h *holding) letGo() {
	if h.child != nil {
		h.child.signal(syscall.SIGKILL) // whatever it has left in its group
	}
	client, err := h.client()
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), letGoTime)
	defer cancel()
	client.NoReconnect = true
	client.ReleaseLock(ctx, h.want.Session) // else its lease ends
}

// bootTime is now, as the node's instants are.
func bootTime() core.Instant { return core.Instant(netutil.BootClock()) }
