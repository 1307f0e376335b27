// Command gotest runs go test and says what a reader of a whole run wants to know:
// nothing of what passed, all that a failed test said, and one line a test that was
// skipped, with the reason. (go test itself tells of skipped tests only with -v,
// among everything that passed.)
//
// Usage: go run ./scripts/cmd/gotest [flags and packages of go test]
//
// The exit code is go test's.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

func main() {
	run := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	run.Stderr = os.Stderr
	events, err := run.StdoutPipe()
	if err == nil {
		err = run.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(70)
	}
	fault := summarize(events, os.Stdout)
	if fault != nil {
		fmt.Fprintln(os.Stderr, "gotest:", fault)
	}
	err = run.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode())
	case err != nil || fault != nil:
		os.Exit(70)
	}
}
