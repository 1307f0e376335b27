// Command bench prints the figures that a cluster of real nodes on this machine
// reaches, beside what was aimed at and beside what the machine itself does (its
// fdatasync, a round trip on loopback): a figure without its machine says
// little. It builds hb, starts real nodes in a temporary directory, asks them
// over their sockets as any client would, and leaves nothing behind.
//
// A missed goal is printed, and is no failure (--strict makes it one), because
// this is run on machines of all kinds; a figure that cannot be taken is one.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// bench is one run.
type bench struct {
	dir, hb, seeds string // temporary directory; programs under it
	kills, submits int
	crashes        int
	queued         int
	length         time.Duration // of each load
	peers          string        // the program of scripts/peers; empty: no peers
	past           int           // of the history
	machine        machine
}

// row is one figure: what was measured, and whether that is within the goal.
type row struct {
	name, measured, goal string
	met                  bool
}

// verdict is "-" for a figure that has no goal.
func (r row) verdict() string {
	switch {
	case r.goal == "":
		return "-"
	case r.met:
		return "yes"
	}
	return "NO"
}

// figure takes one or several rows that need the same cluster.
type figure struct {
	name    string
	measure func(*bench, context.Context) ([]row, error)
	long    bool // only when it is asked for
}

// limit is how long a figure may take.
func (f figure) limit() time.Duration {
	if f.long {
		return 40 * time.Minute
	}
	return 5 * time.Minute
}

func figures() []figure {
	return []figure{
		{name: "view", measure: (*bench).fullView},
		{name: "leader", measure: (*bench).nextLeader},
		{name: "submit", measure: (*bench).submit},
		{name: "commits", measure: (*bench).commits},
		{name: "wal", measure: (*bench).wal},
		{name: "tasks", measure: (*bench).tasks},
		{name: "command", measure: (*bench).commands},
		{name: "idle", measure: (*bench).idle},
		{name: "queue", measure: (*bench).queue},
		{name: "spawn", measure: (*bench).spawn},
		{name: "simulator", measure: (*bench).simulator},
		{name: "credentials", measure: (*bench).credentials, long: true},
		{name: "history", measure: (*bench).history, long: true},
		{name: "prediction5", measure: predicted(5), long: true},
		{name: "prediction20", measure: predicted(20), long: true},
	}
}

// names lists the figures there are.
func names() string {
	var all []string
	for _, f := range figures() {
		all = append(all, f.name)
	}
	return strings.Join(all, ", ")
}

func main() {
	b := &bench{}
	flag.StringVar(&b.hb, "hb", "", "measure this program instead of building one")
	flag.IntVar(&b.kills, "kills", 10, "how often to kill the leader")
	flag.IntVar(&b.submits, "submits", 50, "how many tasks to submit")
	flag.IntVar(&b.crashes, "crashes", 60, "for a prediction, how many nodes to kill at least, and how many fall silent")
	flag.IntVar(&b.queued, "queued", 99_000, "how many tasks are to wait in the queue (the ledger takes 100,000)")
	flag.DurationVar(&b.length, "length", 3*time.Second, "how long to keep up each load, three times")
	flag.StringVar(&b.peers, "peers", os.Getenv("PEERS"), "put etcd and hashicorp/raft, as this `PROGRAM` (scripts/peers) has them, under the same load by turns (default: $PEERS)")
	only := flag.String("only", ".", "take only the figures ("+names()+") that match this `REGEXP`; long ones only if it names them")
	where := flag.String("dir", "", "keep the nodes' data under `DIR`, whose disk is measured (default: the temporary directory)")
	strict := flag.Bool("strict", false, "exit 1 when a goal is missed")
	flag.IntVar(&b.past, "history", 1_000_000, "for the figure history, how many entries, and how many tasks")
	idler := flag.String("idler", "", "internal: be a node whose tasks are nothing, as this `JSON` says")
	kind := flag.String("appender", "", "internal: be a log of this `KIND` in the directory named, as told on standard input")
	flag.Parse()
	if *idler != "" || *kind != "" {
		if err := runInternal(*idler, *kind); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(70)
		}
		return
	}
	pattern, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(64)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	met, err := b.run(ctx, *where, pattern)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(70)
	case *strict && !met:
		os.Exit(1)
	}
}

// runInternal is one of the processes that figures need, of this very program.
func runInternal(idler, kind string) error {
	if idler != "" {
		return runIdler(idler)
	}
	return runAppender(kind, flag.Args(), os.Stdin, os.Stdout)
}

// run takes the figures one after another, so that none disturbs another.
func (b *bench) run(ctx context.Context, where string, only *regexp.Regexp) (met bool, err error) {
	if b.dir, err = os.MkdirTemp(where, "hb-bench-"); err != nil {
		return false, err
	}
	defer os.RemoveAll(b.dir)
	if err := b.build(ctx); err != nil {
		return false, err
	}
	if b.machine, err = measureMachine(b.dir); err != nil {
		return false, err
	}
	fmt.Println(b.machine)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer out.Flush()
	fmt.Fprintln(out, "FIGURE\tMEASURED\tGOAL\tMET")
	met = true
	for _, f := range figures() {
		if !only.MatchString(f.name) || f.long && only.MatchString("") {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s …\n", f.name)
		limited, cancel := context.WithTimeout(ctx, f.limit())
		rows, err := f.measure(b, limited)
		cancel()
		if err != nil {
			out.Flush()
			return false, fmt.Errorf("%s: %w", f.name, err)
		}
		for _, r := range rows {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", r.name, r.measured, r.goal, r.verdict())
			met = met && r.met
		}
	}
	return met, nil
}

// build makes the programs that are measured.
func (b *bench) build(ctx context.Context) error {
	b.seeds = filepath.Join(b.dir, "seeds")
	programs := map[string]string{b.seeds: "hb/scripts/cmd/seeds"}
	if b.hb == "" {
		b.hb = filepath.Join(b.dir, "hb")
		programs[b.hb] = "hb"
	}
	for program, pkg := range programs {
		build := exec.CommandContext(ctx, "go", "build", "-o", program, pkg)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("go build %s: %w", pkg, err)
		}
	}
	return nil
}
