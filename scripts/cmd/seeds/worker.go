package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"

	"hb/core/sim"
)

// verdict is what a worker says of one seed.
type verdict struct {
	Seed   uint64
	Report sim.Report
	// Failure is the error's text; empty when the seed is well.
	Failure string
	// Spent is the processor time of the first run.
	Spent time.Duration
}

// work runs the seeds that come in, one a line, until there are no more.
func work(s settings, in io.Reader, out io.Writer) int {
	debug.SetGCPercent(400) // worlds are small and short-lived
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		seed, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if err := answers.Encode(judge(s, seed)); err != nil {
			return 1
		}
	}
	return 0
}

func judge(s settings, seed uint64) verdict {
	v := verdict{Seed: seed}
	begin := cpuTime()
	report, err := run(s.options(seed))
	v.Spent, v.Report = cpuTime()-begin, report
	if err == nil && !s.once {
		err = again(s.options(seed), report)
	}
	if err != nil {
		v.Failure = err.Error()
	}
	return v
}

// cpuTime is the processor time of this process so far: on a machine that
// others use too, it says more than a wall clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// profile starts a CPU profile if a file is named.
func profile(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}
