package commands

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"hb/core"
)

// childGroup is a running command, alone in its process group.
type childGroup struct {
	pid   int
	tty   bool          // it has the terminal that hb had
	stops chan struct{} // its user has stopped it (^Z)
	ended chan error    // its exit code, once
}

// done gives the exit code; of none, never.
func (c *childGroup) done() <-chan error {
	if c == nil {
		return nil
	}
	return c.ended
}

// stopped says when its user has stopped it; of none, never.
func (c *childGroup) stopped() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.stops
}

// rest stops hb after its command was, as a shell expects; it returns when hb
// goes on.
func (c *childGroup) rest() {
	ownTerminal(syscall.Getpgrp())
	syscall.Kill(0, syscall.SIGSTOP)
}

// goOn lets a command go on that was stopped.
func (c *childGroup) goOn() {
	ownTerminal(c.pid)
	c.signal(syscall.SIGCONT)
}

func (c *childGroup) signal(sig syscall.Signal) { syscall.Kill(-c.pid, sig) }

// startGroup starts a command with hb's own standard streams, in the foreground
// if hb is, that dies when hb does.
func startGroup(path string, argv, env []string, keep *os.File) (*childGroup, error) {
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if keep != nil {
		cmd.ExtraFiles = []*os.File{keep}
		defer keep.Close()
	}
	tty := foreground()
	if tty {
		signal.Ignore(syscall.SIGTTOU) // to take the terminal back
		cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, int(os.Stdin.Fd())
	}
	started := make(chan error)
	c := &childGroup{tty: tty, stops: make(chan struct{}, 1), ended: make(chan error, 1)}
	go func() {
		runtime.LockOSThread() // Pdeathsig is of the thread that starts it
		err := cmd.Start()
		if err == nil {
			c.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			c.ended <- c.wait()
		}
	}()
	if err := <-started; err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, core.Faultf(core.CodeNotFound, "%s: %v", argv[0], errors.Unwrap(err))
		}
		return nil, core.Faultf(core.CodeNotExec, "%s: %v", argv[0], errors.Unwrap(err))
	}
	return c, nil
}

// foreground says whether hb owns the terminal that is its standard input.
func foreground() bool {
	fd := int(os.Stdin.Fd())
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return term.IsTerminal(fd) && err == nil && group == syscall.Getpgrp()
}

// wait gives the exit code of the command.
func (c *childGroup) wait() error {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(c.pid, &status, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return core.Faultf(core.CodeTaskLost, "waiting for the command: %v", err)
		case status.Stopped():
			if c.tty && slices.Contains([]syscall.Signal{syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU}, status.StopSignal()) {
				c.stops <- struct{}{}
			}
		case status.Signaled():
			return c.back(exit(128 + int(status.Signal())))
		default:
			return c.back(exit(status.ExitStatus()))
		}
	}
}

// back takes the terminal back from a command that has ended.
func (c *childGroup) back(code exit) error {
	if c.tty {
		ownTerminal(syscall.Getpgrp())
	}
	if code == 0 {
		return nil
	}
	return code
}

func ownTerminal(group int) {
	unix.IoctlSetPointerInt(int(os.Stdin.Fd()), unix.TIOCSPGRP, group)
}
