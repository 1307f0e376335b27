package sim

import (
	"strconv"
	"strings"
	"time"

	"hb/core/wire"
)

// Work is the command that simulated hosts know; every other fails to start as
// a missing program does (exit 127). Its words, in any order:
//
//	350ms      how long it runs (default 100ms)
//	exit=3     its exit code (default 0)
//	deaf       it ignores SIGTERM
//	out=TEXT   what it writes to stdout, when it starts
//	err=TEXT   what it writes to stderr, when it ends
const Work = "work"

// program is what a command turned out to do.
type program struct {
	runs     time.Duration
	exit     int32
	deaf     bool
	out, err string
}

// parseWork reads a command; not ok when there is no such program.
func parseWork(spec *wire.Spec) (p program, ok bool) {
	p.runs = 100 * time.Millisecond
	argv := spec.GetArgv()
	if len(argv) == 0 && spec.GetName() != "" { // by name; what is defined is Work
		argv = append([]string{Work}, spec.Args...)
	}
	if len(argv) == 0 || argv[0] != Work {
		return p, false
	}
	for _, word := range argv[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "exit":
			n, _ := strconv.ParseInt(value, 10, 32)
			p.exit = int32(n)
		case "deaf":
			p.deaf = true
		case "out":
			p.out = value
		case "err":
			p.err = value
		default:
			if d, err := time.ParseDuration(word); err == nil {
				p.runs = d
			}
		}
	}
	return p, true
}
