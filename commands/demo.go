package commands

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"hb/core"
	"hb/core/control"
)

// demoLimit bounds every single thing that the demo waits for.
const demoLimit = 3 * time.Minute

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "show it all, with three real nodes on this machine",
		Description: `Starts three real nodes on loopback, in a temporary directory, and tells what it
does as it goes: shows members and leader, runs tasks on several members, kills
the leader with SIGKILL while tasks run, and shows the new leader and that every
task has finished. Then it takes everything away again, also after ^C.

It exits 0 only if all of that was true.`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "nodes", Value: 3, Usage: "start `N` nodes (3 to 15)"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not pause between the steps"},
			&cli.BoolFlag{Name: "keep", Usage: "leave the nodes running, and print their sockets"},
		},
		Action: plainWords(0, runDemo),
	}
}

func runDemo(c *call) error {
	n := c.Int("nodes")
	if n < 3 || n > 15 {
		return usage("--nodes %d: from 3, of which one can be lost, to 15", n)
	}
	ctx, stop := signal.NotifyContext(c.Context.Context, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	d, err := newDemo(ctx, c)
	if err != nil {
		return err
	}
	err = d.play(n)
	interrupted := ctx.Err() != nil
	if err != nil && !interrupted {
		d.showLogs()
	}
	if c.Bool("keep") && err == nil {
		d.sayKept()
		return nil
	}
	if left := d.cleanUp(); left != nil && err == nil {
		err = left
	}
	switch {
	case interrupted:
		return core.Faultf(130, "the demo was interrupted; everything it made is gone")
	case err != nil:
		return err
	}
	d.say("\nAll of this was true, and everything it made is gone again.")
	return nil
}

// play is the story. Each act ends with a check of what it claims.
func (d *demo) play(n int) error {
	d.say("%d nodes of one cluster, on this machine alone, in %s.", n, d.dir)
	acts := []func() error{
		func() error { return d.gather(n) },
		func() error { return d.look(n) },
		d.spread,
		d.loseLeader,
		d.finish,
	}
	for i, act := range acts {
		if i > 0 {
			d.pause()
		}
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

// gather starts the nodes: the first founds, the others join it.
func (d *demo) gather(n int) error {
	d.step("A node begins alone and founds a cluster.")
	if err := d.startNode("a"); err != nil {
		return err
	}
	d.ask("a")
	if err := d.hb("wait", "ready"); err != nil {
		return err
	}
	members, err := d.client.Members(d.ctx)
	if err != nil {
		return err
	}
	if len(members.Members) != 1 || members.Members[0].Address == nil {
		return demoFault("the first node sees %d members, not itself alone", len(members.Members))
	}
	d.step("The others need to know one member, any one; from there they find the rest.")
	for i := 1; i < n; i++ {
		if err := d.startNode(string(rune('a'+i)), "--seed", *members.Members[0].Address); err != nil {
			return err
		}
	}
	return d.hb("wait", fmt.Sprintf("members=%d", n), "voters=3")
}

// look shows members and leader.
func (d *demo) look(n int) error {
	d.step("Every member knows all others, and the leader, whom a majority confirms.")
	if err := errors.Join(d.hb("members"), d.hb("leader")); err != nil {
		return err
	}
	members, err := d.client.Members(d.ctx)
	if err != nil {
		return err
	}
	alive := 0
	for _, m := range members.Members {
		if m.Status == "alive" {
			alive++
		}
	}
	if alive != n {
		return demoFault("%d of %d members are alive", alive, n)
	}
	return nil
}

// spread runs tasks, which must use more than one member.
func (d *demo) spread() error {
	d.step("A command runs on the member that is expected to finish it first.")
	if err := d.hb("run", "--", "sh", "-c", "echo hello from $HB_NODE"); err != nil {
		return err
	}
	d.step("Nine at once spread over the members.")
	ids, err := d.submit(9, "sleep", "1")
	if err != nil {
		return err
	}
	if err := d.waitFor(ids); err != nil {
		return err
	}
	if err := d.hb("tasks", "list", "--name", "sleep"); err != nil {
		return err
	}
	rows, err := d.rows(ids)
	if err != nil {
		return err
	}
	var where []string
	for _, r := range rows {
		where = append(where, orEmpty(r.Node))
	}
	slices.Sort(where)
	if where = slices.Compact(where); len(where) < 2 {
		return demoFault("the tasks all ran on %s", strings.Join(where, ", "))
	}
	d.say("They ran on %s.", strings.Join(where, ", "))
	return nil
}

// loseLeader kills the leader while tasks run.
func (d *demo) loseLeader() error {
	leader, err := d.client.Leader(d.ctx, false)
	if err != nil {
		return err
	}
	old := orEmpty(leader.Name)
	d.step("Twelve more; and while they run, the leader (%s) dies without a word.", old)
	if err := d.occupy(old); err != nil {
		return err
	}
	if err := d.kill(old); err != nil {
		return err
	}
	killed := time.Now()
	if err := d.hb("leader", "--wait"); err != nil {
		return err
	}
	took := time.Since(killed)
	if leader, err = d.client.Leader(d.ctx, false); err != nil {
		return err
	}
	if orEmpty(leader.Name) == old || !leader.Confirmed {
		return demoFault("the leader is still %s", old)
	}
	d.say("%s leads, %v after the kill.", orEmpty(leader.Name), took.Round(10*time.Millisecond))
	return nil
}

// occupy submits tasks until the leader runs one of them, which it need not where it is
// the busiest of all.
func (d *demo) occupy(leader string) error {
	for range 5 {
		ids, err := d.submit(12, "sh", "-c", fmt.Sprintf("sleep %d; echo done on $HB_NODE", d.longer()))
		if err != nil {
			return err
		}
		d.ids = append(d.ids, ids...)
		if busy, err := d.untilBusy(leader, ids); busy || err != nil {
			return err
		}
		d.say("All have ended, and %s was busy with other things: twelve more.", leader)
	}
	return demoFault("no task was given to %s", leader)
}

// untilBusy waits until the leader itself runs one of some tasks, so that its death
// costs something; false: all have ended before.
func (d *demo) untilBusy(leader string, ids []string) (bool, error) {
	ctx, cancel := context.WithTimeout(d.ctx, demoLimit)
	defer cancel()
	for {
		rows, err := d.rows(ids)
		if err != nil {
			return false, err
		}
		open, there := 0, 0
		for _, r := range rows {
			if r.Ended == nil {
				open++
				if orEmpty(r.Node) == leader {
					there++
				}
			}
		}
		switch {
		case open == 0:
			return false, nil
		case there > 0:
			d.say("%d of %d have not ended, %d of them run on %s.", open, len(ids), there, leader)
			return true, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return false, demoFault("no task was given to %s", leader)
		}
	}
}

// finish shows that the kill cost no task.
func (d *demo) finish() error {
	d.step("Nothing is lost: what ran on the dead member runs again elsewhere.")
	if err := d.waitFor(d.ids); err != nil {
		return err
	}
	if err := errors.Join(d.hb("tasks", "list", "--name", "sh"), d.hb("members")); err != nil {
		return err
	}
	again := 0
	for _, id := range d.ids {
		task, err := d.client.Task(d.ctx, id)
		if err != nil {
			return err
		}
		if task.Status != "succeeded" || task.Result == nil || !strings.HasPrefix(task.Result.StdoutTail, "done on ") {
			return demoFault("task %s is %s, with the output %q", id, task.Status, tail(task))
		}
		if len(task.Attempts) > 1 {
			again++
		}
	}
	d.say("All %d succeeded; %d of them needed a second attempt.", len(d.ids), again)
	return nil
}

func tail(t *control.Task) string {
	if t.Result == nil {
		return ""
	}
	return t.Result.StdoutTail
}

// demoFault says what the demo claimed and was not so.
func demoFault(format string, args ...any) error {
	return core.Faultf(core.CodeNo, "the demo failed: "+format, args...)
}
