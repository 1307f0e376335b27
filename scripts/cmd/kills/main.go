// Command kills runs a cluster of real nodes under a load of tasks and kills what
// belongs to it with SIGKILL, again and again: runner processes, leaders, daemons
// and tasks, at random. Each task writes who it is into a file. In the end the
// file is held against the cluster's record of every task: none may be lost or
// have ended twice, nothing may have run that was not granted, nothing twice that
// may run only once, and no two at once with the same exclusive key.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	hb := flag.String("hb", "", "the `PROGRAM` to try")
	nodes := flag.Int("nodes", 3, "how many `NODES`")
	seed := flag.Uint64("seed", 0, "`N`: what is killed when comes from this; 0: a new one")
	where := flag.String("dir", "", "keep the nodes' data under `DIR`")
	task := flag.String("task", "", "be a task that writes into `DIR`")
	flag.Parse()
	if *task != "" {
		os.Exit(beTask(*task, flag.Arg(0), flag.Arg(1)))
	}
	kills := 1000
	if flag.NArg() > 0 {
		var err error
		if kills, err = strconv.Atoi(flag.Arg(0)); err != nil || kills < 0 || flag.NArg() > 1 {
			flag.Usage()
			os.Exit(64)
		}
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32)
	}
	fmt.Printf("seed %d\n", *seed)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	wrong, err := run(ctx, *hb, *where, *nodes, kills, *seed)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "kills:", err)
		os.Exit(70)
	case wrong:
		os.Exit(1)
	}
}

// run tries one cluster, and says whether a promise was broken.
func run(ctx context.Context, hb, where string, nodes, kills int, seed uint64) (wrong bool, err error) {
	dir, err := os.MkdirTemp(where, "hb-kills-")
	if err != nil {
		return false, err
	}
	c := &cluster{hb: hb, dir: dir, luck: rand.New(rand.NewPCG(seed, 1))}
	defer func() {
		c.end()
		if wrong || err != nil {
			fmt.Fprintf(os.Stderr, "kills: everything is kept in %s\n", dir)
			return
		}
		os.RemoveAll(dir)
	}()
	if err := c.start(ctx, nodes); err != nil {
		return false, err
	}
	l := newLoad(c, seed)
	began := time.Now()
	l.begin(ctx)
	counts, err := c.killAll(ctx, kills)
	l.end()
	if err == nil {
		err = c.heal(ctx)
	}
	if err != nil {
		return false, err
	}
	fmt.Printf("%d kills in %s: %s\n", kills, time.Since(began).Round(time.Second), counts)
	books, err := l.audit(ctx)
	if err != nil {
		return false, err
	}
	fmt.Print(books)
	return !books.good(), nil
}

// beTask is what the cluster runs: it notes who it is, holds its key, and stays a
// while.
func beTask(dir, key, stay string) int {
	line := fmt.Sprintf("ran %s %s %s\n", os.Getenv("HB_TASK_ID"), os.Getenv("HB_ATTEMPT"), os.Getenv("HB_FENCE"))
	if key != "" {
		held, err := os.OpenFile(dir+"/"+key, os.O_CREATE|os.O_RDWR, 0o600)
		if err == nil {
			err = syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			line += fmt.Sprintf("overlap %s %s %s\n", os.Getenv("HB_TASK_ID"), os.Getenv("HB_ATTEMPT"), key)
		} else if err != nil {
			return 74
		}
		defer held.Close()
	}
	f, err := os.OpenFile(dir+"/"+diary, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return 74
	}
	if _, err := f.WriteString(line); err != nil {
		return 74
	}
	d, _ := time.ParseDuration(stay)
	time.Sleep(d)
	return 0
}

// diary is the file that all tasks write into.
const diary = "diary"
