package runnerd

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/supervise"
	"hb/netutil"
)

// Word is the first argument by which a program becomes a runner process: then
// it must call Main with the others.
const Word = "runner"

// readyFD is where the process says that it is ready, or why it cannot be.
const readyFD = 3

const ready = "ready\n"

// startTime is how long a runner process may take until it is ready. It ends
// first what an earlier one has left.
const startTime = 2 * reapPatience

// Main is a runner process; it gives its exit code.
func Main(args []string) int {
	if len(args) > 0 && args[0] == narrowWord {
		return narrow(args[1:])
	}
	var o Options
	flags := flag.NewFlagSet(Word, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.DataDir, "data", "", "")
	flags.StringVar(&o.Build, "build", "", "")
	flags.DurationVar(&o.Slack, "slack", 0, "")
	flags.DurationVar(&o.Linger, "linger", supervise.Forever, "")
	if err := flags.Parse(args); err != nil || o.DataDir == "" || flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "hb: runner: a node starts this by itself")
		return int(core.CodeUsage)
	}
	unix.CloseOnExec(readyFD)
	say := os.NewFile(readyFD, "ready")
	o.Ready = func() {
		_, _ = io.WriteString(say, ready) // a daemon that is gone needs no answer
		say.Close()
	}
	o.Stop = terminated()
	debug.SetGCPercent(400) // there is hardly anything to keep
	if err := Serve(o); err != nil {
		fmt.Fprintln(say, err)
		var f *core.Fault
		if errors.As(err, &f) {
			return int(f.Code)
		}
		return int(core.CodeInternal)
	}
	return 0
}

// terminated is closed by SIGTERM. What a terminal sends is not for this process,
// but must not be ignored by name: the tasks would inherit that.
func terminated() <-chan struct{} {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE)
	signals, stop := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		close(stop)
	}()
	return stop
}

// Start starts a runner process of this program for a data directory, and waits
// until it is ready.
func Start(o Options) error {
	said, say, err := os.Pipe()
	if err != nil {
		return err
	}
	defer said.Close()
	// This program's own file, even if another has taken its name meanwhile.
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"hb", Word, "-data", o.DataDir, "-linger", o.Linger.String(), "-slack", netutil.UsualSlack().String(), "-build", o.Build}
	cmd.Dir = "/"
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "NOTIFY_SOCKET=") })
	cmd.ExtraFiles = []*os.File{say} // readyFD; the rest is /dev/null
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = relaxed(cmd.Start)
	say.Close()
	if err != nil {
		return err
	}
	go cmd.Wait()
	if err := said.SetReadDeadline(time.Now().Add(startTime)); err != nil {
		return err
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	switch {
	case line == ready:
		return nil
	case line != "":
		return errors.New(strings.TrimSpace(line))
	case errors.Is(err, io.EOF):
		return errors.New("it ended at once")
	}
	return err
}

// relaxed makes a process whose own threads, but not its tasks, need not be woken
// in time to the microsecond (netutil.WatchSlack).
func relaxed(start func() error) error {
	runtime.LockOSThread() // the slack is the thread's
	defer runtime.UnlockOSThread()
	usual := netutil.TimerSlack()
	if netutil.SetTimerSlack(netutil.WatchSlack) == nil {
		defer netutil.SetTimerSlack(usual)
	}
	return start()
}

// Been says whether a data directory has ever had a runner process, as far as can
// be seen.
func Been(dataDir string) bool {
	_, err := os.Stat(filepath.Join(dataDir, lockName))
	return !os.IsNotExist(err)
}

// Absent says whether an error of Dial means that there is no runner process.
func Absent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT))
}
