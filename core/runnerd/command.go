package runnerd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"hb/core"
	"hb/netutil"
)

// refusal is why a command did not become a process.
type refusal struct {
	code core.Code
	why  string
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
		return &refusal{core.CodeNotExec, fmt.Sprintf("%s: %v", command, netutil.Reason(err))}
	case info.IsDir():
		return &refusal{core.CodeNotExec, fmt.Sprintf("%s: is a directory", command)}
	case info.Mode()&0o111 == 0:
		return &refusal{core.CodeNotExec, fmt.Sprintf("%s: permission denied", command)}
	}
	return nil
}

// command makes a process of the attempt's command, as the leader of a session and
// a process group of its own, with what travels with the task, or nothing, on its
// standard input.
func (a *attempt) command(stdout, stderr int) (*process, *refusal) {
	e, in := a.exec, a.cgroup
	argv, env := texts(e.Argv), texts(e.Env)
	if len(argv) == 0 || argv[0] == "" {
		return nil, &refusal{core.CodeNotFound, "there is no command"}
	}
	cwd := e.Cwd
	if cwd == "" {
		cwd = "/"
	}
	if err := enterable(cwd); err != nil {
		return nil, &refusal{core.CodeTaskLost, fmt.Sprintf("cannot change to %s: %v", cwd, netutil.Reason(err))}
	}
	path, bad := find(argv[0], cwd, env)
	if bad != nil {
		return nil, bad
	}
	input := uintptr(a.nothing)
	if len(e.Stdin) > 0 {
		file, err := inputOf(e.Stdin)
		if err != nil {
			return nil, &refusal{core.CodeTaskLost, err.Error()}
		}
		defer file.Close()
		input = file.Fd()
	}
	attr := &syscall.ProcAttr{Dir: cwd, Env: env, Files: []uintptr{input, uintptr(stdout), uintptr(stderr)}, Sys: &syscall.SysProcAttr{Setsid: true}}
	if u := e.User; u != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: u.Uid, Gid: u.Gid, Groups: u.Groups}
	}
	command := argv[0]
	if e.Limits != nil {
		path, argv = in.limited(e.Limits, path, argv)
	}
	in.enter(attr.Sys)
	p, err := fork(path, argv, attr, a.slack)
	if err != nil {
		return nil, execRefusal(command, err)
	}
	return p, nil
}

// enterable says what is wrong with a directory, if one can see that.
func enterable(dir string) error {
	if dir == "/" {
		return nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	return err
}

func texts(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}

// inputOf is what a task reads. What travels with a task is smaller than a pipe
// holds, so nobody has to stay and feed it.
func inputOf(stdin []byte) (*os.File, error) {
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
	why := fmt.Sprintf("%s: %v", command, netutil.Reason(err))
	switch {
	case errors.Is(err, syscall.ENOENT): // a script's interpreter
		return &refusal{core.CodeNotFound, fmt.Sprintf("%s: its interpreter is not there", command)}
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return &refusal{core.CodeTaskLost, why}
	}
	return &refusal{core.CodeNotExec, why}
}
