package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"hb/core"

	"hb/commands/render"
)

// exit is an exit code that needs no words.
type exit int

// Error is never shown.
func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usage is an error in the words of the call.
func usage(format string, args ...any) *core.Fault {
	return core.Faultf(core.CodeUsage, format, args...)
}

// report prints what an error has to say, one line and perhaps a hint, and
// gives the exit code it deserves.
func report(stderr io.Writer, err error, quiet bool) int {
	var code exit
	var fault *core.Fault
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &fault):
	case errors.Is(err, context.Canceled):
		return 128 + int(syscall.SIGINT)
	default:
		fault = core.Faultf(core.CodeInternal, "%v", err)
	}
	// The words of a call that is wrong are shown even to -q: nothing was done.
	if !quiet || fault.Code == core.CodeUsage {
		fmt.Fprintf(stderr, "hb: %s\n", render.Safe(fault.Message))
		if fault.Hint != "" {
			fmt.Fprintf(stderr, "hint: %s\n", render.Safe(fault.Hint))
		}
	}
	return int(fault.Code)
}

// checked is a writer whose failures are faults of this machine's input and
// output, not of hb.
type checked struct{ w io.Writer }

// Write passes on.
func (c checked) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return n, core.Faultf(core.CodeIO, "cannot write the output: %v", err)
	}
	return n, nil
}
