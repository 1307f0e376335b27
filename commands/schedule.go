package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

func scheduleCommand() *cli.Command {
	name := func(word, usage, description string, run func(*call, context.Context, *control.Client, string) error) *cli.Command {
		return &cli.Command{Name: word, Usage: usage, ArgsUsage: "SCHED", Description: description, Action: plainWords(1, ofSchedule(run))}
	}
	return &cli.Command{
		Name:  "schedule",
		Usage: "cron on the cluster: make tasks at their times, or at events",
		Description: scheduleWords + `

Without a subcommand it lists, as hb schedule list does.`,
		Action: plainWords(0, runScheduleList),
		Subcommands: []*cli.Command{
			scheduleAddCommand(),
			{Name: "list", Usage: "list the schedules, and when each is due next", Description: scheduleWords, Action: plainWords(0, runScheduleList)},
			name("show", "show a schedule, and the next times at which it is due",
				"Shows everything the cluster knows of a schedule, read with the consent of a majority.\nA name that nobody knows exits 66.", runScheduleShow),
			name("run", "make the task of a schedule now",
				"Makes the task of a schedule now, also when it is paused, and prints its ID. While the\nlast one is open a schedule that skips overlaps refuses (1).", runScheduleRun),
			name("pause", "make no more tasks until resumed", "Keeps a schedule from making tasks. Those that it has made go on.", changing("pause")),
			name("resume", "make tasks again", "Ends a pause. What was due in it is not made good.", changing("resume")),
			name("remove", "forget a schedule", "Forgets a schedule. The tasks that it has made go on.", changing("remove")),
		},
	}
}

const scheduleWords = `A schedule makes a task each time it is due. The leader fires it, and the log holds
which times were: so a change of leader neither makes a task twice nor leaves one
out. Without a majority nothing fires, and what was due meanwhile is made good as
--catch-up says once there is one.

NEXT is when it is due, LAST when it made its last task; SKIPPED counts the times
that were due and made none.`

func scheduleAddCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "tz", Usage: "the cron line means the clocks of `ZONE`, like Europe/Berlin (default UTC)"},
		&cli.StringFlag{Name: "event", Usage: "instead of a cron line: at each event of this `KIND` in the log, agreed-up or agreed-down"},
		&cli.StringFlag{Name: "overlap", Usage: "what to do while the last task is open, as `WORD`: skip (default), queue, or allow (default with --event)"},
		&cli.StringFlag{Name: "catch-up", Usage: "what to make of times that passed by, as `WORD`: skip, once (default) or all"},
		&cli.BoolFlag{Name: "replace", Usage: "take the place of a schedule with another definition"},
	}
	// What one who waits for a task asks for, and a key, make no sense here.
	without := []string{"key", "block", "dry-run", "explain", "fold", "drain", "check"}
	for _, f := range taskFlags() {
		if !slices.Contains(without, f.Names()[0]) {
			flags = append(flags, f)
		}
	}
	return &cli.Command{
		Name:      "add",
		Usage:     "add a schedule",
		UsageText: "hb schedule add SCHED 'CRON' [FLAGS] -- CMD...\nhb schedule add SCHED 'CRON' [FLAGS] NAME [-- ARG...]\nhb schedule add SCHED --event KIND [FLAGS] -- CMD...",
		ArgsUsage: "SCHED",
		Description: `Adds a schedule of the name SCHED. CRON has five fields (minute, hour, day of the
month, month, weekday) or is @hourly, @daily, @weekly, @monthly, @yearly or
@every DURATION. A line with a * as minute or hour is a rhythm, which goes on
evenly when clocks are set; any other means times of day, each due once a day: a
time that the clock skips is due when it has skipped it, one that it shows twice is
due the first time.

The task is told HB_SCHEDULE and HB_SCHEDULED_TIME (in Unix seconds), or, with
--event, HB_EVENT_KIND, HB_EVENT_SUBJECT and HB_EVENT_DETAIL. Only events that the
log agrees on can be waited for: with no majority there is no event, and no task.

The same definition again changes nothing (0); another one under the same name is
refused (65) without --replace.

    hb schedule add rotate '*/5 * * * *' --on @leader -- /usr/local/bin/rotate
    hb schedule add backup '30 2 * * *' --exclusive backup --prefer idle \
        --where disk=big --time-limit 4h --on-failure /usr/local/bin/page -- backup
    hb schedule add vanish --event agreed-down -- /usr/local/bin/page`,
		Flags:  flags,
		Action: action(-1, runScheduleAdd),
	}
}

func runScheduleAdd(c *call) error {
	want := control.NewSchedule{
		Event: c.String("event"), Zone: c.String("tz"), Overlap: c.String("overlap"), CatchUp: c.String("catch-up"), Replace: c.Bool("replace"),
	}
	into := []*string{&want.Name, &want.Cron}
	if want.Event != "" {
		into = into[:1]
	}
	if len(c.words) < len(into) {
		return usage("hb schedule add needs a name, and a cron line or --event").WithHint("hb schedule add rotate '*/5 * * * *' -- rotate")
	}
	for i, word := range into {
		*word = c.words[i]
	}
	if c.words = c.words[len(into):]; len(c.words) > 1 {
		return usage("hb schedule add takes no further argument: %q", c.words[1]).WithHint("%s", scheduleHint(&want, c.words))
	}
	spec, err := taskSpec(c)
	if err != nil {
		return err
	}
	want.Spec = *spec
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	sc, err := client.AddSchedule(ctx, want)
	var fault *core.Fault
	if errors.As(err, &fault) && fault.Code == core.CodeUnheard && spec.Name != "" {
		return core.Faultf(fault.Code, "%s", fault.Message).WithHint("hb tasks defined lists them; %s", scheduleHint(&want, c.words))
	}
	if err != nil || !c.isJSON() {
		return err
	}
	return render.JSON(c.stdout, sc)
}

// scheduleHint shows where the command of a schedule stands.
func scheduleHint(want *control.NewSchedule, command []string) string {
	when := []string{want.Name, want.Cron}
	if want.Event != "" {
		when = []string{want.Name, "--event", want.Event}
	}
	return fmt.Sprintf("a command stands behind --: hb schedule add %s -- %s", commandLine(when), commandLine(command))
}

// ofSchedule makes an action of what is done with the schedule that is named.
func ofSchedule(run func(*call, context.Context, *control.Client, string) error) func(*call) error {
	return func(c *call) error {
		if len(c.words) == 0 {
			return usage("%s needs the name of a schedule", c.name()).WithHint("hb schedule list lists them")
		}
		ctx, client, done, err := c.asking()
		if err != nil {
			return err
		}
		defer done()
		return run(c, ctx, client, c.words[0])
	}
}

func changing(word string) func(*call, context.Context, *control.Client, string) error {
	return func(_ *call, ctx context.Context, client *control.Client, name string) error {
		return client.ChangeSchedule(ctx, name, word)
	}
}

func runScheduleRun(c *call, ctx context.Context, client *control.Client, name string) error {
	got, err := client.RunSchedule(ctx, name)
	if err != nil {
		return err
	}
	return c.printMade(got)
}

func runScheduleList(c *call) error {
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	list, err := client.Schedules(ctx)
	if err != nil {
		return err
	}
	t := &render.Table{
		Header: []string{"NAME", "WHEN", "NEXT", "LAST", "FIRED", "SKIPPED", "TASK", "COMMAND"},
		Shrink: []int{0, 7}, Drop: []int{6, 5, 4},
	}
	var records []any
	for i := range list.Schedules {
		sc := &list.Schedules[i]
		t.Rows = append(t.Rows, []string{
			sc.Name, whenOf(sc), nextOf(c, sc), c.when(sc.Last), strconv.FormatUint(sc.Fired, 10), strconv.FormatUint(sc.Skipped, 10),
			orEmpty(sc.Task), commandOf(sc.Spec.Name, sc.Spec.Argv, sc.Spec.Args),
		})
		records = append(records, sc)
	}
	return c.print(list, records, t)
}

// whenOf says what makes a schedule due.
func whenOf(sc *control.Schedule) string {
	if sc.Event != nil {
		return "at " + *sc.Event
	}
	if sc.Zone != "UTC" {
		return orEmpty(sc.Cron) + " " + sc.Zone
	}
	return orEmpty(sc.Cron)
}

func nextOf(c *call, sc *control.Schedule) string {
	switch {
	case sc.Paused:
		return "paused"
	case len(sc.Next) == 0:
		return ""
	}
	return c.when(&sc.Next[0])
}

func runScheduleShow(c *call, ctx context.Context, client *control.Client, name string) error {
	sc, err := client.Schedule(ctx, name)
	if err != nil {
		return err
	}
	if c.isJSON() {
		return render.JSON(c.stdout, sc)
	}
	facts := [][2]string{{"schedule", sc.Name}, {"when", whenOf(sc)}}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, [2]string{name, value})
		}
	}
	if sc.Paused {
		add("paused", "yes")
	}
	for i := range sc.Next {
		add("next", c.when(&sc.Next[i]))
	}
	add("overlap", sc.Overlap)
	if sc.Event == nil {
		add("catch up", sc.CatchUp)
	}
	add("set", c.when(sc.Set))
	add("fired", strconv.FormatUint(sc.Fired, 10))
	add("skipped", strconv.FormatUint(sc.Skipped, 10))
	add("last", c.when(sc.Last))
	add("last task", orEmpty(sc.Task))
	facts = append(facts, factsOf(&sc.Spec)...)
	if c.form == "plain" {
		var row []string
		for _, f := range facts {
			row = append(row, f[1])
		}
		return (&render.Table{Rows: [][]string{row}}).Plain(c.stdout)
	}
	return render.Pairs(c.stdout, facts, c.width(), c.color())
}

// factsOf lists what a task is to be, for people.
func factsOf(s *control.Spec) (facts [][2]string) {
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, [2]string{name, value})
		}
	}
	flag := func(name string, on bool) {
		if on {
			add(name, "yes")
		}
	}
	count := func(name string, n uint32) {
		if n > 0 {
			add(name, strconv.Itoa(int(n)))
		}
	}
	seconds := func(name string, s float64) {
		if s > 0 {
			add(name, time.Duration(s*float64(time.Second)).String())
		}
	}
	add("name", s.Name)
	add("command", commandOf(s.Name, s.Argv, s.Args))
	add("on", s.On)
	for _, w := range s.Where {
		add("where", w)
	}
	flag("all", s.All)
	count("array", s.Array)
	count("parallel", s.Parallel)
	flag("skip down", s.SkipDown)
	flag("once", s.Once)
	flag("rerun", s.Rerun)
	count("retries", s.Retries)
	seconds("time limit", s.TimeLimit)
	if s.Priority != "normal" {
		add("priority", s.Priority)
	}
	seconds("weight", s.Weight)
	seconds("keep", s.Keep)
	add("prefer", s.Prefer)
	add("exclusive", s.Exclusive)
	flag("no queue", s.NoQueue)
	add("on failure", s.OnFailure)
	for _, kv := range s.Env {
		add("environment", kv)
	}
	add("directory", s.Cwd)
	return facts
}
