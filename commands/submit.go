package commands

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"hb/core"
	"hb/core/control"
)

// maxScript bounds a script: it travels in the task, and a task is 16 KiB.
const maxScript = 15 << 10

func submitCommand() *cli.Command {
	return &cli.Command{
		Name:      "submit",
		Usage:     "give the cluster a task, and print its ID",
		UsageText: "hb submit [FLAGS] -- CMD...\nhb submit [FLAGS] --script FILE [-- ARG...]\nhb submit [FLAGS] NAME [-- ARG...]",
		ArgsUsage: "NAME",
		Description: `Puts a task into the agreed log and prints its ID once it is on the disks of a
majority. From then on it will be run, on the member that is expected to finish
it first, and run again if that member is lost (unless --once).

The command is run as it stands, without a shell, with a clean environment:
PATH, HOME, USER, LANG, what --env adds, and HB_TASK_ID, HB_ATTEMPT, HB_FENCE,
HB_NODE and HB_NODE_ID. A member runs commands only if its hb.toml says
allow_exec = true, or under --dev: no such member, exit 77.

A task by NAME is what members have in hb.toml under [tasks.NAME]: its command,
its user, its limits. It runs on one of them, with ARG behind its command if
args = true. It takes no --env and no --cwd. A NAME that nobody defines exits 66;
hb tasks defined lists them.

` + waitingWords,
		Flags: append(taskFlags(),
			&cli.BoolFlag{Name: "wait", Usage: "wait for the end, print what the task prints, and exit as it does"}),
		Action: action(1, func(c *call) error { return runSubmit(c, c.Bool("wait")) }),
	}
}

// waitingWords is the part of the manual that submit and run share.
const waitingWords = `With --wait (as hb run does) the task's streams appear as they come, and the exit
code is the task's: 128 and the signal when one ended it, 124 when its time
limit did, 143 when it was cancelled, 126 or 127 when it cannot be executed or
is not found, and 125 when hb itself failed or does not know the result, or when
the task succeeded and some of its output is missing: a member keeps the first and
the last of it, 64 MiB in all, for whoever reads more slowly than it is printed. The
first ^C cancels the task and waits for its end, the second detaches (130);
SIGTERM and SIGHUP detach, and the task goes on; so it does when nobody reads any
more what hb prints (SIGPIPE, as in hb run -- yes | head -1): hb tasks and hb task
cancel find and end it.`

func taskFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "on", Usage: "run on `NODE` (a name, an ID, or @leader); implies --once"},
		&cli.StringSliceFlag{Name: "where", Usage: "run only where `TAG=VALUE` (or TAG!=VALUE) holds; may be repeated"},
		&cli.BoolFlag{Name: "once", Usage: "never run it a second time: if its member is lost, its fate is unknown"},
		&cli.UintFlag{Name: "retries", Usage: "run it up to `N` more times when it fails"},
		&cli.DurationFlag{Name: "time-limit", Usage: "end an attempt after `DURATION`"},
		&cli.StringFlag{Name: "key", Usage: "the same `KEY` and payload again is the same task"},
		&cli.StringSliceFlag{Name: "env", Usage: "set `K=V` in its environment; may be repeated"},
		&cli.StringFlag{Name: "cwd", Usage: "run it in `DIR` instead of /"},
		&cli.StringFlag{Name: "priority", Usage: "low, normal or high: `LEVEL` is worth ten minutes of waiting"},
		&cli.Float64Flag{Name: "weight", Usage: "it should take `SECONDS` on an ordinary member (default: what runs of its name took)"},
		&cli.StringFlag{Name: "exclusive", Usage: "no two tasks with this `KEY` at once, not even one whose member was lost (it ends with its lease, 10 s)"},
		&cli.StringFlag{Name: "prefer", Usage: "idle: the member with the least stress, as `WHAT`"},
		&cli.DurationFlag{Name: "keep", Usage: "keep its record, and its --key, for `DURATION` after its end, if there is room"},
		&cli.BoolFlag{Name: "no-queue", Usage: "refuse it (75) when all members that may run it are down"},
		&cli.BoolFlag{Name: "block", Usage: "when the cluster takes no more tasks, wait instead of exiting 75"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print who would run it and why, and submit nothing"},
		&cli.BoolFlag{Name: "explain", Usage: "say who may run it, and why, on stderr"},
		&cli.BoolFlag{Name: "all", Usage: "run on each member that is up now; implies --once"},
		&cli.StringFlag{Name: "array", Usage: "run `1-N` elements of it, each told its number in HB_ARRAY_INDEX"},
		&cli.UintFlag{Name: "parallel", Usage: "with --all or --array: at most `N` at once"},
		&cli.StringFlag{Name: "max-failures", Usage: "start nothing new after `N` failures, or all of them (default 1 with --parallel, else all)"},
		&cli.BoolFlag{Name: "skip-down", Usage: "with --all: members that are down or drained are no failure"},
		&cli.BoolFlag{Name: "rerun", Usage: "with --on or --all: run it again where its fate is unknown"},
		&cli.BoolFlag{Name: "fold", Usage: "with --all or --array, waiting: print equal output once, as web[1-9] (9): ..."},
		&cli.BoolFlag{Name: "drain", Usage: "with --all, waiting: one member after the other, each drained before, the leader last"},
		&cli.StringFlag{Name: "check", Usage: "with --drain: `COMMAND`, split at spaces, must succeed on a member before the next"},
		&cli.BoolFlag{Name: "stdin", Usage: "what stands on standard input is the task's, up to 12 KiB"},
		&cli.StringFlag{Name: "on-failure", Usage: "run `COMMAND` with the name, status and ID of the task when that has failed"},
		&cli.StringFlag{Name: "script", Usage: "send the script `FILE` along and run it, with the words behind -- as its arguments"},
	}
}

func runSubmit(c *call, wait bool) error {
	spec, err := taskSpec(c)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return dryRun(c, client, *spec)
	}
	if c.Bool("explain") {
		if err := explain(c, client, *spec); err != nil {
			return err
		}
	}
	id := control.MintTask().String()
	spec.Task = &id
	if wait {
		return runAndWait(c, client, *spec)
	}
	ctx, cancel, err := c.answerContext()
	if c.Bool("block") {
		ctx, cancel = c.waitContext()
	} else if err != nil {
		return err
	}
	defer cancel()
	got, err := submitWhenTaken(ctx, c, client, *spec)
	if err != nil {
		return err
	}
	return c.printMade(got)
}

// taskSpec reads the flags and words of submit and run.
func taskSpec(c *call) (*control.Spec, error) {
	spec := &control.Spec{
		On: c.String("on"), Where: c.StringSlice("where"), Once: c.Bool("once"),
		Retries: uint32(min(c.Uint("retries"), 1<<20)), TimeLimit: c.Duration("time-limit").Seconds(),
		Key: c.String("key"), Env: c.StringSlice("env"), Cwd: c.String("cwd"),
		Priority: c.String("priority"), Weight: c.Float64("weight"), Prefer: c.String("prefer"), Exclusive: c.String("exclusive"),
		Keep: c.Duration("keep").Seconds(), NoQueue: c.Bool("no-queue"),
	}
	if err := checkGiven(c, "on", "key", "exclusive", "prefer", "priority", "cwd", "array", "check", "on-failure", "script"); err != nil {
		return nil, err
	}
	if err := elementFlags(c, spec); err != nil {
		return nil, err
	}
	script := c.String("script")
	switch {
	case spec.TimeLimit < 0:
		return nil, usage("--time-limit %v: a time from now is meant", c.Duration("time-limit"))
	case spec.Cwd != "" && !filepath.IsAbs(spec.Cwd):
		return nil, usage("--cwd %s: an absolute path is meant, on the member that runs the task", spec.Cwd)
	case spec.Once && spec.Retries > 0:
		return nil, usage("--once and --retries contradict each other")
	case (spec.On != "" || spec.All) && spec.Retries > 0 && !spec.Rerun:
		return nil, usage("--on and --all imply --once, which --retries contradicts").WithHint("--rerun lifts that")
	case script != "" && len(c.words) > 0:
		return nil, usage("--script and a NAME exclude each other: %q", c.words[0])
	case script != "":
		if err := readScript(spec, script, c.behind); err != nil {
			return nil, err
		}
	case len(c.words) == 1:
		spec.Name, spec.Args = c.words[0], c.behind
	case len(c.behind) == 0:
		return nil, usage("nothing to run").WithHint("the command stands behind --: %s -- CMD...", c.name())
	default:
		spec.Argv = c.behind
	}
	for _, word := range slices.Concat([]string{spec.Cwd}, spec.Argv, spec.Args, spec.Env) {
		if !utf8.ValidString(word) {
			return nil, core.Faultf(core.CodeBadInput, "%q is not UTF-8, and cannot travel", word)
		}
	}
	return spec, nil
}

// elementFlags reads the flags of tasks with elements.
func elementFlags(c *call, spec *control.Spec) (err error) {
	spec.All, spec.SkipDown, spec.Rerun = c.Bool("all"), c.Bool("skip-down"), c.Bool("rerun")
	spec.Parallel, spec.OnFailure = uint32(min(c.Uint("parallel"), 1<<20)), c.String("on-failure")
	if spec.Array, err = parseArray(c.String("array")); err != nil {
		return err
	}
	if spec.MaxFailures, err = parseMaxFailures(c.String("max-failures")); err != nil {
		return err
	}
	many := spec.All || spec.Array > 0
	waits := c.Command.Name == "run" || c.Bool("wait")
	switch {
	case spec.All && spec.Array > 0, spec.All && spec.On != "":
		return usage("--all, --array and --on: --all goes with neither")
	case !many && (c.IsSet("parallel") || c.IsSet("max-failures")):
		return usage("--parallel and --max-failures are for --all and --array")
	case !spec.All && (spec.SkipDown || c.Bool("drain")):
		return usage("--skip-down and --drain are for --all")
	case spec.Rerun && spec.On == "" && !spec.All:
		return usage("--rerun is for --on and --all: other tasks are run again anyway")
	case spec.Rerun && spec.Once:
		return usage("--rerun and --once contradict each other")
	case c.Bool("fold") && !(many && waits):
		return usage("--fold is for hb run with --all or --array")
	case c.Bool("drain") && (!waits || spec.Parallel > 1):
		return usage("--drain is for hb run, one member at a time")
	case c.IsSet("check") && !c.Bool("drain"):
		return usage("--check is for --drain")
	}
	if c.Bool("stdin") {
		spec.Stdin, err = readStdin(c)
	}
	return err
}

// unpack writes a script where its interpreter can read it, and leaves no file
// behind: the name goes before the script begins.
const unpack = `f=$(mktemp) && printf '%s' "$0" >"$f" && exec 3<"$f" && rm -f "$f" || exit 125; exec "$@"`

// readScript makes a task of a file's contents: its interpreter is that of its
// first line, or sh.
func readScript(spec *control.Spec, file string, args []string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return core.Faultf(core.CodeIO, "cannot read the script %s: %v", file, err)
	}
	switch {
	case len(b) > maxScript:
		return core.Faultf(core.CodeBadInput, "the script %s is too big: %d bytes, at most %d fit", file, len(b), maxScript).
			WithHint("put it where the member can read it, and run it by its path")
	case !utf8.Valid(b) || strings.IndexByte(string(b), 0) >= 0:
		return core.Faultf(core.CodeBadInput, "%s is not a text", file)
	}
	spec.Name = filepath.Base(file)
	spec.Argv = append([]string{"/bin/sh", "-c", unpack, string(b)}, interpreter(string(b))...)
	spec.Argv = append(append(spec.Argv, "/dev/fd/3"), args...)
	return nil
}

// interpreter reads a #! line as the kernel does: a path and at most one
// argument.
func interpreter(script string) []string {
	line, _, _ := strings.Cut(script, "\n")
	line, is := strings.CutPrefix(line, "#!")
	line = strings.TrimSpace(line)
	if !is || line == "" {
		return []string{"/bin/sh"}
	}
	path, arg, has := strings.Cut(line, " ")
	if !has {
		return []string{path}
	}
	return []string{path, strings.TrimSpace(arg)}
}
