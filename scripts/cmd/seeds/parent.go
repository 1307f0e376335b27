package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/term"
)

// parallel spreads the seeds over worker processes and adds up their verdicts.
func parallel(s settings) int {
	seeds, verdicts := make(chan uint64), make(chan verdict)
	quit := make(chan struct{})
	go func() {
		defer close(seeds)
		for i := range s.seeds {
			select {
			case seeds <- s.from + i:
			case <-quit:
				return
			}
		}
	}()
	for range s.jobs {
		go func() {
			for employ(s, seeds, verdicts) {
			}
			verdicts <- verdict{} // this job has ended
		}()
	}
	t := total{settings: s, begin: time.Now(), terminal: term.IsTerminal(int(os.Stderr.Fd()))}
	for ended := 0; ended < s.jobs; {
		v := <-verdicts
		if v.Seed == 0 {
			ended++
			continue
		}
		if t.add(v); t.failed == s.most && quit != nil {
			close(quit)
			quit = nil
		}
	}
	return t.close()
}

// employ starts one worker and gives it seeds while it lives; true says that it
// died of one, and another is needed.
func employ(s settings, seeds <-chan uint64, verdicts chan<- verdict) bool {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, "--worker", "--nodes", fmt.Sprint(s.nodes), "--time", s.time.String(),
		fmt.Sprintf("--calm=%t", s.calm), "--detector="+s.detector, "--spread="+s.spread, fmt.Sprintf("--once=%t", s.once))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		panic(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	defer cmd.Wait()
	defer in.Close()
	return feed(in, out, seeds, verdicts)
}

func feed(in io.Writer, out io.Reader, seeds <-chan uint64, verdicts chan<- verdict) (died bool) {
	answers := json.NewDecoder(bufio.NewReader(out))
	for seed := range seeds {
		v := verdict{Seed: seed}
		_, err := fmt.Fprintln(in, seed)
		if err == nil {
			err = answers.Decode(&v)
		}
		if err != nil {
			v.Failure = fmt.Sprintf("seed %d: its process died: %v", seed, err)
		}
		verdicts <- v
		if err != nil {
			return true
		}
	}
	return false
}

// total adds up verdicts and shows how far it is.
type total struct {
	settings
	begin    time.Time
	terminal bool
	done     uint64
	failed   int
	spent    time.Duration
	steps    uint64
	tasks    int
	runs     int
	faults   int
}

func (t *total) add(v verdict) {
	t.done++
	t.spent += v.Spent
	t.steps += v.Report.Steps
	t.tasks += v.Report.Tasks
	t.runs += v.Report.Executions
	t.faults += v.Report.Faults
	if v.Failure != "" {
		t.failed++
		t.clear()
		fmt.Printf("%s\n\n", v.Failure)
	}
	if t.terminal {
		fmt.Fprintf(os.Stderr, "\r%d of %d seeds, %d failed, %s", t.done, t.seeds, t.failed, t.rate())
	}
}

func (t *total) clear() {
	if t.terminal {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

func (t *total) rate() string {
	simulated := t.time.Seconds() * float64(t.done)
	return fmt.Sprintf("%.0f × real time a core", simulated/max(t.spent.Seconds(), 1e-9))
}

// close prints the totals and gives the exit code.
func (t *total) close() int {
	t.clear()
	fmt.Printf("%d seeds of %d nodes and %s, each %s: %d failed\n", t.done, t.nodes, t.time,
		map[bool]string{true: "once", false: "twice with equal hashes"}[t.once], t.failed)
	fmt.Printf("%d faults, %d tasks acknowledged, %d executions, %d steps\n", t.faults, t.tasks, t.runs, t.steps)
	fmt.Printf("%s (goal: 100), %s in all on %d processes\n", t.rate(), time.Since(t.begin).Round(time.Second), t.jobs)
	if t.failed > 0 {
		return 1
	}
	return 0
}
