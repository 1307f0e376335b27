package commands

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

func lockCommand() *cli.Command {
	return &cli.Command{
		Name:      "lock",
		Usage:     "run a command under a lock that one client in the cluster has",
		UsageText: "hb lock NAME [-n] [-w DURATION] [-E CODE] -- CMD...\nhb lock --list",
		ArgsUsage: "NAME",
		Description: `Waits for the lock NAME, runs CMD, lets go of the lock, and exits with CMD's
code, 128 and the signal when one ended it. Those who wait get the lock in the
order in which they asked. There is nothing to make or to remove: a lock is
there while somebody has it.

    hb lock deploy -- ./deploy.sh
    hb lock -n nightly -- backup || echo "another machine is at it"

Not obtained, with -n or -w: exit 1, or CODE, without a word. When hb itself
fails: 125.

A lock is kept by a lease of ten seconds, which the node renews. If it cannot be
renewed (this machine is cut off, its node is gone) CMD's process group gets
SIGTERM two seconds before the lease ends and SIGKILL half a second before, and
the exit code is 125. If hb itself is stopped then, the kernel kills it a quarter
of a second before; where the kernel gives no timer for that, hb says so before it
starts CMD. If hb is killed CMD is killed with it, and the lock is kept for as long
as anything that CMD has started keeps the file descriptor that came with it open,
as with flock(1).

A machine that is suspended whole may go on when the lease is long over, and CMD
with it for a moment. Against that no lock helps, but the number in HB_FENCE does:
of two holders the later one has the greater. Have what the lock protects remember
the greatest it has seen and refuse a smaller one:

    hb lock ledger -- sh -c 'put --if-fence-not-below "$HB_FENCE" balance'

CMD is told HB_LOCK, too. Signals to hb are passed on to CMD's process group.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "nonblock", Aliases: []string{"n"}, Usage: "do not wait"},
			&cli.StringFlag{Name: "wait", Aliases: []string{"w"}, Usage: "wait at most `DURATION` (a bare number: seconds)"},
			&cli.IntFlag{Name: "conflict-exit-code", Aliases: []string{"E"}, Value: 1, Usage: "exit with `CODE` when the lock is not obtained"},
			&cli.BoolFlag{Name: "list", Usage: "list the locks that somebody has, and who waits"},
		},
		Action: action(1, runLock),
	}
}

func runLock(c *call) error {
	if c.Bool("list") {
		return listLocks(c)
	}
	switch {
	case len(c.words) == 0:
		return usage("a lock needs a name").WithHint("hb lock NAME -- CMD...")
	case len(c.behind) == 0:
		return usage("nothing to run under lock %q", c.words[0]).WithHint("hb lock %s -- CMD...", c.words[0])
	case c.Bool("nonblock") && c.IsSet("wait"):
		return usage("-n does not wait, -w does")
	}
	code, err := conflictCode(c)
	if err != nil {
		return err
	}
	limit, err := waitLimit(c.String("wait"))
	if err != nil {
		return err
	}
	want := control.NewLock{Name: c.words[0], Wait: !c.Bool("nonblock") && (limit > 0 || !c.IsSet("wait"))}
	return c.underLock(want, limit, code, []string{"HB_LOCK=" + want.Name})
}

// waitLimit reads how long to wait as flock(1) does, or as hb does; 0: no limit.
func waitLimit(word string) (time.Duration, error) {
	if word == "" {
		return 0, nil
	}
	if seconds, err := strconv.ParseFloat(word, 64); err == nil && seconds >= 0 && seconds < 1e9 {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	d, err := core.ParseDuration(word)
	if err != nil || d < 0 {
		return 0, usage("-w %s: a duration is meant, like 10s, or a number of seconds", word)
	}
	return d, nil
}

// conflictCode is the exit code of who did not get what they wanted.
func conflictCode(c *call) (exit, error) {
	code := c.Int("conflict-exit-code")
	if code < 0 || code > 255 {
		return 0, usage("-E %d: an exit code is between 0 and 255", code)
	}
	return exit(code), nil
}

func listLocks(c *call) error {
	if len(c.words)+len(c.behind) > 0 {
		return usage("--list takes no further argument")
	}
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	list, err := client.Locks(ctx)
	if err != nil {
		return err
	}
	t := &render.Table{Header: []string{"NAME", "HELD BEHIND", "FENCE", "SINCE", "WAITING"}}
	records := []any{}
	for i := range list.Locks {
		records = append(records, &list.Locks[i])
		t.Rows = append(t.Rows, lockRows(c, &list.Locks[i])...)
	}
	return c.print(list, records, t)
}

// lockRows is a line for each session that has the lock.
func lockRows(c *call, l *control.LockRecord) (rows [][]string) {
	waiting := 0
	for _, x := range l.Sessions {
		if !x.Held {
			waiting++
		}
	}
	for _, x := range l.Sessions {
		if x.Held {
			rows = append(rows, []string{l.Name, x.Node, orEmpty(x.Fence), c.when(&x.Since), fmt.Sprint(waiting)})
		}
	}
	return rows
}

func leaderRunCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run CMD only while this node leads",
		UsageText: "hb leader run [-E CODE] [--wait] -- CMD...",
		ArgsUsage: "-- CMD...",
		Description: `Runs CMD if this node leads, and exits with CMD's code. Else it exits 1, or
CODE, without a word: on the crontab of every machine this runs a job on one.

    */5 * * * *  hb leader run -- /usr/local/bin/rotate

When leadership is lost while CMD runs, its process group gets SIGTERM, SIGKILL
if it does not end in time, and the exit code is 125. On the next leader nothing
is run before that: its hb leader run waits until this one has let go, at most
twelve seconds. What was said of leases and HB_FENCE in hb help lock holds here.

With --wait it waits until this node leads, and after a loss until it leads
again; it ends when CMD does.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "wait", Usage: "wait until this node leads, again and again"},
			&cli.IntFlag{Name: "conflict-exit-code", Aliases: []string{"E"}, Value: 1, Usage: "exit with `CODE` when this node does not lead"},
		},
		Action: action(0, runLeaderRun),
	}
}

func runLeaderRun(c *call) error {
	if len(c.behind) == 0 {
		return usage("nothing to run").WithHint("hb leader run -- CMD...")
	}
	code, err := conflictCode(c)
	if err != nil {
		return err
	}
	for {
		err := c.underLock(control.NewLock{Wait: c.Bool("wait")}, 0, code, nil)
		if !c.Bool("wait") || !isLockLost(err) {
			return err
		}
		report(c.stderr, err, c.quiet)
	}
}

// lockLost is the end of a command because its lock was not its own any more.
type lockLost struct{ *core.Fault }

// Unwrap shows the fault.
func (l lockLost) Unwrap() error { return l.Fault }

func isLockLost(err error) bool {
	var l lockLost
	return errors.As(err, &l)
}
