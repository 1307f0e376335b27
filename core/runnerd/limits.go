package runnerd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/wire"
)

// narrowWord is the first argument, behind Word, by which the program limits
// itself and becomes a command: LIMITS PATH ARGV…
const narrowWord = "limited"

// cpuPeriod is over what time a share of processors is meant, in microseconds.
const cpuPeriod = 100_000

// limited sets an attempt's limits: those of its cgroup at once, for what that
// cannot do it gives another command, which limits its process first.
func (g *cgroup) limited(l *wire.RunnerLimits, path string, argv []string) (string, []string) {
	var words []string
	add := func(name string, n int64) {
		if n > 0 {
			words = append(words, name+"="+strconv.FormatInt(n, 10))
		}
	}
	if l.MemoryBytes > 0 && !g.set("memory.max", strconv.FormatInt(l.MemoryBytes, 10)) {
		add("as", l.MemoryBytes)
	}
	if l.Processes > 0 && !g.set("pids.max", strconv.Itoa(int(l.Processes))) {
		add("nproc", int64(l.Processes))
	}
	if l.CpuPercent > 0 {
		g.set("cpu.max", fmt.Sprintf("%d %d", int64(l.CpuPercent)*cpuPeriod/100, cpuPeriod))
	}
	add("nofile", int64(l.Files))
	if len(words) == 0 {
		return path, argv
	}
	return "/proc/self/exe", append([]string{"hb", Word, narrowWord, strings.Join(words, ","), path}, argv...)
}

// set writes one limit; false when the cgroup has no controller for it.
func (g *cgroup) set(file, value string) bool {
	if g == nil {
		return false
	}
	f, err := os.OpenFile(filepath.Join(g.dir.Name(), file), os.O_WRONLY, 0) // it must be there
	if err != nil {
		return false
	}
	defer f.Close()
	if _, err := f.WriteString(value); err != nil {
		return false
	}
	g.narrow = true
	return true
}

// resources are the limits of a process by the names that narrow knows.
func resources() map[string]int {
	return map[string]int{"as": unix.RLIMIT_AS, "nproc": unix.RLIMIT_NPROC, "nofile": unix.RLIMIT_NOFILE}
}

// narrow limits this process and makes it the command. It only comes back when
// that fails.
func narrow(args []string) int {
	if len(args) < 3 {
		return int(core.CodeUsage)
	}
	complain := func(code core.Code, err error) int {
		fmt.Fprintf(os.Stderr, "hb: %s: %v\n", args[1], err)
		return int(code)
	}
	env := os.Environ()
	for word := range strings.SplitSeq(args[0], ",") {
		name, value, _ := strings.Cut(word, "=")
		resource, known := resources()[name]
		n, err := strconv.ParseUint(value, 10, 63)
		if !known || err != nil {
			return complain(core.CodeUsage, fmt.Errorf("no limit: %q", word))
		}
		// syscall's, which knows that the runtime has raised the number of files.
		limit := syscall.Rlimit{Cur: n, Max: n}
		var now syscall.Rlimit
		if err := syscall.Getrlimit(resource, &now); err == nil && now.Max < n {
			limit = now // it is narrower already
			limit.Cur = limit.Max
		}
		if err := syscall.Setrlimit(resource, &limit); err != nil {
			return complain(core.CodeTaskLost, fmt.Errorf("cannot be limited to %s: %w", word, err))
		}
	}
	err := syscall.Exec(args[1], args[2:], env)
	if errors.Is(err, fs.ErrNotExist) {
		return complain(core.CodeNotFound, err)
	}
	return complain(core.CodeNotExec, err)
}
