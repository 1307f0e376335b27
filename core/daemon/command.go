package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hb/core"
	"hb/core/node"
)

// cleanPath is where a task's command is looked for unless its spec says
// otherwise: a task must not depend on how the daemon was started.
const cleanPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// refusal is why a command did not become a process.
type refusal struct {
	code core.Code
	why  string
}

// userVariables say whom the tasks run as.
func userVariables() []string {
	u, err := user.Current()
	if err != nil {
		return []string{"HOME=/", "USER=" + strconv.Itoa(os.Getuid())}
	}
	return []string{"HOME=" + u.HomeDir, "USER=" + u.Username}
}

// environment is what a task finds in its environment.
func environment(e node.Exec, user []string, name string, id core.NodeID) []string {
	env := append([]string{"PATH=" + cleanPath, "LANG=C.UTF-8"}, user...)
	for _, kv := range e.Spec.Env {
		key, _, _ := strings.Cut(kv, "=")
		env = set(env, key, kv)
	}
	for _, kv := range []string{
		"HB_TASK_ID=" + e.Task.String(),
		"HB_ATTEMPT=" + strconv.FormatUint(uint64(e.Attempt), 10),
		fenceVariable(e.Fence),
		"HB_NODE=" + name,
		nodeVariable(id),
	} {
		key, _, _ := strings.Cut(kv, "=")
		env = set(env, key, kv)
	}
	return env
}

// fenceVariable and nodeVariable are also how the processes of a lost attempt
// are found again.
func fenceVariable(f core.Fence) string { return "HB_FENCE=" + f.String() }

func nodeVariable(id core.NodeID) string { return "HB_NODE_ID=" + id.String() }

func set(env []string, key, kv string) []string {
	for i, old := range env {
		if strings.HasPrefix(old, key+"=") {
			env[i] = kv
			return env
		}
	}
	return append(env, kv)
}

// find looks a command up as execvp(3) would: a word without a slash on the
// PATH of the environment, any other as it stands, from cwd.
func find(command, cwd string, env []string) (string, *refusal) {
	if strings.Contains(command, "/") {
		at := command
		if !filepath.IsAbs(at) {
			at = filepath.Join(cwd, at)
		}
		return command, unfit(command, at)
	}
	var denied *refusal
	for _, kv := range env {
		path, is := strings.CutPrefix(kv, "PATH=")
		if !is {
			continue
		}
		for _, dir := range filepath.SplitList(path) {
			at := filepath.Join(cwd, dir, command)
			if filepath.IsAbs(dir) {
				at = filepath.Join(dir, command)
			}
			bad := unfit(command, at)
			if bad == nil {
				return at, nil
			}
			if bad.code == core.CodeNotExec && denied == nil {
				denied = bad
			}
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", &refusal{core.CodeNotFound, fmt.Sprintf("%s: command not found", command)}
}

// unfit says why a file cannot be executed.
func unfit(command, at string) *refusal {
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return &refusal{core.CodeNotFound, fmt.Sprintf("%s: command not found", command)}
	case err != nil:
		return &refusal{core.CodeNotExec, fmt.Sprintf("%s: %v", command, reason(err))}
	case info.IsDir():
		return &refusal{core.CodeNotExec, fmt.Sprintf("%s: is a directory", command)}
	case info.Mode()&0o111 == 0:
		return &refusal{core.CodeNotExec, fmt.Sprintf("%s: permission denied", command)}
	}
	return nil
}

// reason strips the words Go puts before the kernel's.
func reason(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// start makes a process of a command, as the leader of a session and a process
// group of its own, with what travels with the task, or nothing, on its standard input.
func start(e node.Exec, env []string, stdout, stderr *os.File) (*os.Process, *refusal) {
	if len(e.Spec.Argv) == 0 || e.Spec.Argv[0] == "" {
		return nil, &refusal{core.CodeNotFound, "there is no command"}
	}
	cwd := e.Spec.Cwd
	if cwd == "" {
		cwd = "/"
	}
	if info, err := os.Stat(cwd); err != nil || !info.IsDir() {
		if err == nil {
			err = syscall.ENOTDIR
		}
		return nil, &refusal{core.CodeTaskLost, fmt.Sprintf("cannot change to %s: %v", cwd, reason(err))}
	}
	path, bad := find(e.Spec.Argv[0], cwd, env)
	if bad != nil {
		return nil, bad
	}
	input, err := inputOf(e.Spec.Stdin)
	if err != nil {
		return nil, &refusal{core.CodeTaskLost, err.Error()}
	}
	defer input.Close()
	attr := &syscall.SysProcAttr{Setsid: true}
	if e.Until != 0 {
		// Nobody would end it with its lease. The signal comes when the thread
		// ends, so that belongs to this goroutine from now on.
		runtime.LockOSThread()
		attr.Pdeathsig = syscall.SIGKILL
	}
	process, err := os.StartProcess(path, e.Spec.Argv, &os.ProcAttr{
		Dir: cwd, Env: env, Files: []*os.File{input, stdout, stderr}, Sys: attr,
	})
	if err != nil {
		return nil, execRefusal(e.Spec.Argv[0], err)
	}
	return process, nil
}

// inputOf is what a task reads. What travels with a task is smaller than a pipe
// holds, so nobody has to stay and feed it.
func inputOf(stdin []byte) (*os.File, error) {
	if len(stdin) == 0 {
		return os.Open(os.DevNull)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := w.SetWriteDeadline(time.Now().Add(time.Second)); err == nil {
		_, err = w.Write(stdin)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// execRefusal sorts the errors of fork and exec by whose fault they are.
func execRefusal(command string, err error) *refusal {
	why := fmt.Sprintf("%s: %v", command, reason(err))
	switch {
	case errors.Is(err, syscall.ENOENT): // a script's interpreter
		return &refusal{core.CodeNotFound, fmt.Sprintf("%s: its interpreter is not there", command)}
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return &refusal{core.CodeTaskLost, why}
	}
	return &refusal{core.CodeNotExec, why}
}
