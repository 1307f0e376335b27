package commands

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"hb/commands/chart"
	"hb/commands/render"
	"hb/core"
	"hb/core/detect/kinds"
	"hb/core/sim/lab"
	"hb/core/spread"
)

func simulateCommand() *cli.Command {
	return &cli.Command{
		Name:  "simulate",
		Usage: "try the protocols in virtual time, and see what they do",
		Description: `Runs the very machines of hb's nodes in virtual time, over a network that is only
computed. The same seed prints the same bytes.`,
		Action: action(-1, func(c *call) error {
			return usage("hb simulate needs a subcommand: detectors or balance")
		}),
		Subcommands: []*cli.Command{simulateDetectorsCommand(), simulateBalanceCommand()},
	}
}

func simulateDetectorsCommand() *cli.Command {
	return &cli.Command{
		Name:  "detectors",
		Usage: "measure failure detectors beside their theory",
		Description: `Lets members crash, and prints how soon that is noticed (T_d), how often somebody
is accused who lives (p_m), how many packets that takes (L) and how fast the news
spreads, each beside what theory says. --detector, --nodes and --loss take several
values, separated by commas or by repeating the flag; there is a row for each
combination.

Times are in periods. Detection is from the crash to the first accusation by
anybody; DEAD from the crash until the first, and until the last member holds the
crashed one dead; spread from the first accusation until half, 99 % and all have
heard. The bound is the longest that detection can take if nothing is lost. A
crashed machine is silent; --refuse lets it answer that nobody listens, and end the
streams by which three others watch it, like one on which only the process was
killed: --exit says how long the system takes for that. --processors and --handling
are for clusters that are tried out on one machine.

--pure leaves out whatever hb has beyond the published algorithms, so that theory
must come true. SWIM then runs in synchronous rounds with random targets, as its
paper computes it. Where mistakes are too rare to be counted, its packets are lost
more often and weighed accordingly (COUNT then has a *).

--config answers what a configuration would do: its [detector] kind, spread and
period hold unless a flag says otherwise.

    hb simulate detectors --nodes 10,100,1000 --plot detection.svg
    hb simulate detectors --pure --kills 20000 --nodes 200 --loss 0,0.01,0.05,0.1`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "detector", Usage: "`KIND` of detector: " + strings.Join(kinds.Names(), ", ") + ", or all; swim by default"},
			&cli.StringFlag{Name: "spread", Usage: "`HOW` news spreads: piggyback (by default), unicast or multicast"},
			&cli.StringSliceFlag{Name: "nodes", Usage: "`N` members; 100 by default, at most 100000 (gossip 5000, all-to-all 2000)"},
			&cli.StringSliceFlag{Name: "loss", Usage: "`P`, the probability that a datagram is lost; 0 by default"},
			&cli.DurationFlag{Name: "delay", Value: time.Millisecond, Usage: "`DURATION` that a datagram takes on average"},
			&cli.IntFlag{Name: "indirect", Value: 3, Usage: "`K` members are asked to ping whoever did not answer SWIM"},
			&cli.IntFlag{Name: "kills", Value: 200, Usage: "`N` crashes; more than a tenth of the members are repeated runs"},
			&cli.DurationFlag{Name: "period", Value: time.Second, Usage: "`DURATION` T between two probes or heartbeats"},
			&cli.DurationFlag{Name: "time", Usage: "watch the members for this `DURATION` before the first crash; 20 periods by default"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`N`: the same seed gives the same output"},
			&cli.BoolFlag{Name: "pure", Usage: "the published algorithms and nothing else"},
			&cli.BoolFlag{Name: "refuse", Usage: "the hosts of crashed processes refuse packets"},
			&cli.DurationFlag{Name: "exit", Usage: "with --refuse, the `DURATION` that a system takes to end a killed process"},
			&cli.IntFlag{Name: "streams", Usage: "with --refuse, `N` others have a stream to each member; 3, who watch it, by default"},
			&cli.IntFlag{Name: "processors", Usage: "let all members share one machine with `N` processors"},
			&cli.DurationFlag{Name: "handling", Usage: "with --processors, the `DURATION` for which a datagram keeps one of them busy"},
			&cli.BoolFlag{Name: "csv", Usage: "print comma-separated values with a header"},
			&cli.StringFlag{Name: "plot", Usage: "draw the figures into `FILE`.svg or FILE.png"},
		},
		Action: plainWords(0, runSimulateDetectors),
	}
}

func runSimulateDetectors(c *call) error {
	cases, err := detectorCases(c)
	if err != nil {
		return err
	}
	file := c.String("plot")
	if c.IsSet("plot") && !chart.Draws(file) {
		return usage("--plot %s: the file must end in .svg or .png", file)
	}
	if _, err := os.Stat(filepath.Dir(file)); file != "" && err != nil { // before the work, not after it
		return core.Faultf(core.CodeIO, "cannot write %s: %v", file, err)
	}
	debug.SetGCPercent(gcPercent(cases))
	var results []*lab.Result
	bar := newBar(c)
	for i, k := range cases {
		what := fmt.Sprintf("%s, %d members, loss %g", k.Kind, k.Members, k.Loss)
		results = append(results, k.Run(func(share float64) { bar.show((float64(i)+share)/float64(len(cases)), what) }))
	}
	bar.clear()
	if file != "" {
		panels := detectorPanels(results)
		if len(panels) == 0 {
			return usage("--plot %s: without kills there is nothing to draw", file)
		}
		if err := chart.Write(file, panels); err != nil {
			return core.Faultf(core.CodeIO, "cannot write %s: %v", file, err)
		}
	}
	switch {
	case c.Bool("csv"):
		return writeCSV(c.stdout, results, ',', true)
	case c.form == "plain":
		return writeCSV(c.stdout, results, '\t', false)
	}
	doc := simulation{Schema: "hb.simulation/1", Seed: c.Uint64("seed")}
	t := &render.Table{Header: []string{"DETECTOR", "NODES", "LOSS", "DETECTED", "P99", "MAX", "THEORY", "BOUND", "DEAD", "MISSED",
		"MISTAKES", "THEORY", "COUNT", "SENT", "MOST", "THEORY", "BYTES", "SPREAD", "P99", "ALL", "THEORY"}}
	var records []any
	for _, r := range results {
		row := simulatedRow(r)
		doc.Rows = append(doc.Rows, row)
		records = append(records, struct {
			Schema string `json:"schema"`
			simulatedCase
		}{"hb.simulated/1", row})
		t.Rows = append(t.Rows, simulatedCells(r))
	}
	return c.print(doc, records, t)
}

// gcPercent lets garbage lie longer where that takes little memory.
func gcPercent(cases []lab.Case) int {
	if slices.ContainsFunc(cases, func(k lab.Case) bool { return k.Members > 2000 }) {
		return 100
	}
	return 400
}

// detectorCases makes a case of each combination that the flags ask for.
func detectorCases(c *call) ([]lab.Case, error) {
	base := lab.Case{
		Kind: kinds.Default, Helpers: c.Int("indirect"), Delay: c.Duration("delay"), Period: c.Duration("period"),
		Time: c.Duration("time"), Kills: c.Int("kills"), Seed: c.Uint64("seed"), Pure: c.Bool("pure"), Refuse: c.Bool("refuse"),
		Exit: c.Duration("exit"), Streams: c.Int("streams"), Machine: lab.Machine{Processors: c.Int("processors"), Handling: c.Duration("handling")},
	}
	if c.String("config") != "" || os.Getenv("HB_CONFIG") != "" {
		conf, err := c.loadConfig()
		if err != nil {
			return nil, err
		}
		base.Kind = conf.Detector.Kind
		base.Spread, _ = spread.ParseMode(conf.Detector.Spread)
		if !c.IsSet("period") {
			base.Period = conf.Detector.Period
		}
	}
	if c.IsSet("spread") {
		var known bool
		if base.Spread, known = spread.ParseMode(c.String("spread")); !known {
			return nil, usage("--spread %s: there is piggyback, unicast and multicast", c.String("spread"))
		}
	}
	names := values(c, "detector", base.Kind)
	if len(names) == 1 && names[0] == "all" {
		names = kinds.Names()
	}
	sizes, err := numbers(c, "nodes", "100", strconv.Atoi)
	if err != nil {
		return nil, err
	}
	losses, err := numbers(c, "loss", "0", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	if err != nil {
		return nil, err
	}
	var cases []lab.Case
	for _, kind := range names {
		for _, n := range sizes {
			for _, loss := range losses {
				k := base
				k.Kind, k.Members, k.Loss = kind, n, loss
				if _, known := kinds.Find(kind); !known {
					return nil, usage("there is no detector %q", kind).WithHint("detectors are %s", strings.Join(kinds.Names(), ", "))
				}
				if err := k.Check(); err != nil {
					return nil, usage("%v", err)
				}
				cases = append(cases, k)
			}
		}
	}
	return cases, nil
}

// values lists what a flag was given, by repeating it or with commas.
func values(c *call, name, fallback string) []string {
	var all []string
	for _, v := range c.StringSlice(name) {
		all = append(all, strings.Split(v, ",")...)
	}
	if len(all) == 0 {
		return []string{fallback}
	}
	return all
}

func numbers[T any](c *call, name, fallback string, parse func(string) (T, error)) ([]T, error) {
	var all []T
	for _, v := range values(c, name, fallback) {
		n, err := parse(v)
		if err != nil {
			return nil, usage("--%s %s: %q is not a number", name, strings.Join(values(c, name, fallback), ","), v)
		}
		all = append(all, n)
	}
	return all, nil
}

// bar shows on a terminal how far a long computation is.
type bar struct {
	c     *call
	width int
	shown string
}

func newBar(c *call) *bar {
	b := &bar{c: c}
	if f, is := c.stderr.(*os.File); is && term.IsTerminal(int(f.Fd())) && !c.quiet && os.Getenv("TERM") != "dumb" {
		b.width, _, _ = term.GetSize(int(f.Fd()))
	}
	return b
}

const barCells = 24

func (b *bar) show(share float64, what string) {
	if b.width <= 0 {
		return
	}
	full := int(share * barCells)
	text := fmt.Sprintf("[%s%s] %3.0f %%  %s", strings.Repeat("#", full), strings.Repeat("·", barCells-full), 100*share, what)
	if runes := []rune(text); len(runes) >= b.width {
		text = string(runes[:b.width-1])
	}
	if text != b.shown {
		fmt.Fprintf(b.c.stderr, "\r\x1b[K%s", text)
		b.shown = text
	}
}

func (b *bar) clear() {
	if b.shown != "" {
		fmt.Fprint(b.c.stderr, "\r\x1b[K")
	}
}

// known is a number for JSON; nil when there is none.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
