package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/chart"
	"hb/commands/render"
	"hb/core"
	"hb/core/sim/balance"
)

func simulateBalanceCommand() *cli.Command {
	return &cli.Command{
		Name:  "balance",
		Usage: "measure how well tasks are spread, beside the best possible",
		Description: `Lets the leader's own dispatcher spread tasks over members of different speeds, and
prints how long all took (MAKESPAN) beside the least that any choice could need
(BOUND: all the work over all the speed, or the largest tasks on the fastest cores,
for whatever arrives from any moment on), and beside simpler ways of choosing.
OVER is one over the other, on average and (WORST) in the worst of the runs.
IMBALANCE is the work that a member was given over what it could do, at most,
beside the same of all.

A task takes ten seconds on average on a core of speed 1; members have --slots
cores, of speeds spread evenly over --speeds. With known estimates tasks say what
they weigh, times an --error; with learned ones they say nothing and have one of
ten names, whose runs vary by a fifth, and members misjudge their own speed by as
much. Members report their load every --stale. --others use a share of each member
that changes now and then. --straggler turns one member so many times slower after a
third of the time; the bound is then of one who is told at once, and SPARED is after
how many of its reports it got no more work.

Flags that take a list take several values, separated by commas, or all.

    hb simulate balance --speeds 1-8 --sizes all --estimates all
    hb simulate balance --policy hb --speeds 1-1,1-2,1-4,1-8 --sizes all --plot balance.svg`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "policy", Usage: "list of `POLICY`: " + strings.Join(balance.Policies(), ", ") + "; all by default"},
			&cli.StringSliceFlag{Name: "members", Usage: "list of `N` members; 10 by default"},
			&cli.IntFlag{Name: "slots", Value: 4, Usage: "`N` cores of each member"},
			&cli.StringSliceFlag{Name: "speeds", Usage: "list of `A-B`, the slowest and the fastest speed; 1-8 by default"},
			&cli.IntFlag{Name: "tasks-per-slot", Value: 10, Usage: "`N` tasks for each slot"},
			&cli.StringSliceFlag{Name: "sizes", Usage: "list of `HOW` sizes are spread: " + strings.Join(balance.Sizes(), ", ") + "; lognormal by default"},
			&cli.StringSliceFlag{Name: "estimates", Usage: "list of `WHAT` is known: known (by default), learned"},
			&cli.Float64Flag{Name: "error", Usage: "`E`, the standard deviation of the logarithm of what known estimates are off by"},
			&cli.DurationFlag{Name: "stale", Value: time.Second, Usage: "`DURATION` between two reports of a member"},
			&cli.StringSliceFlag{Name: "arrivals", Usage: "list of `HOW` tasks arrive: batch (all at once, by default), poisson (at four fifths of the capacity)"},
			&cli.Float64Flag{Name: "others", Usage: "`SHARE` of the members that others use, on average"},
			&cli.Float64Flag{Name: "straggler", Usage: "one member turns `F` times slower"},
			&cli.BoolFlag{Name: "hidden", Usage: "the straggler does not know that it is slow"},
			&cli.IntFlag{Name: "runs", Value: 3, Usage: "`N` runs of each case, with seeds that follow each other"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`N`: the same seed gives the same output"},
			&cli.BoolFlag{Name: "csv", Usage: "print comma-separated values with a header"},
			&cli.StringFlag{Name: "plot", Usage: "draw the figures into `FILE`.svg or FILE.png"},
		},
		Action: plainWords(0, runSimulateBalance),
	}
}

func runSimulateBalance(c *call) error {
	cases, err := balanceCases(c)
	if err != nil {
		return err
	}
	file, runs := c.String("plot"), c.Int("runs")
	switch {
	case c.IsSet("plot") && !chart.Draws(file):
		return usage("--plot %s: the file must end in .svg or .png", file)
	case runs < 1 || runs > 10_000:
		return usage("--runs %d: from 1 to 10000", runs)
	}
	bar := newBar(c)
	var rows []*balanced
	for i, k := range cases {
		what := fmt.Sprintf("%s, %d members, %s", k.Policy, k.Members, k.Sizes)
		row := &balanced{Case: k}
		for n := range runs {
			k.Seed = c.Uint64("seed") + uint64(n)
			row.add(k.Run(func(share float64) {
				bar.show((float64(i)+(float64(n)+share)/float64(runs))/float64(len(cases)), what)
			}))
		}
		rows = append(rows, row)
	}
	bar.clear()
	if file != "" {
		if err := chart.Write(file, balancePanels(rows)); err != nil {
			return core.Faultf(core.CodeIO, "cannot write %s: %v", file, err)
		}
	}
	return printBalance(c, rows)
}

func printBalance(c *call, rows []*balanced) error {
	switch {
	case c.Bool("csv"):
		return writeTable(c.stdout, rows, (*balanced).columns, ',', true)
	case c.form == "plain":
		return writeTable(c.stdout, rows, (*balanced).columns, '\t', false)
	}
	doc := balanceDocument{Schema: "hb.balance/1", Seed: c.Uint64("seed")}
	t := &render.Table{Header: []string{"POLICY", "MEMBERS", "SPEEDS", "SIZES", "ESTIMATES", "ARRIVALS", "MAKESPAN", "BOUND", "OVER", "WORST", "IMBALANCE"}}
	if c.Float64("straggler") > 0 {
		t.Header = append(t.Header, "SPARED")
	}
	var records []any
	for _, r := range rows {
		row := r.row()
		doc.Rows = append(doc.Rows, row)
		records = append(records, struct {
			Schema string `json:"schema"`
			balanceRow
		}{"hb.balanced/1", row})
		cells := []string{
			r.Policy, strconv.Itoa(r.Members), row.Speeds, r.Sizes, r.Estimates, r.Arrivals, fixedDigits(row.Makespan, 1), fixedDigits(row.Bound, 1),
			fixedDigits(row.Over, 3), fixedDigits(row.Worst, 3), fixedDigits(row.Imbalance, 3),
		}
		if row.Spared != nil {
			cells = append(cells, strconv.Itoa(*row.Spared))
		}
		t.Rows = append(t.Rows, cells)
	}
	return c.print(doc, records, t)
}

func fixedDigits(v float64, n int) string { return strconv.FormatFloat(v, 'f', n, 64) }

// balanceCases makes a case of each combination that the flags ask for.
func balanceCases(c *call) ([]balance.Case, error) {
	base := balance.Case{
		Slots: c.Int("slots"), TasksPerSlot: c.Int("tasks-per-slot"), Error: c.Float64("error"), Stale: c.Duration("stale"),
		Others: c.Float64("others"), Straggler: c.Float64("straggler"), Hidden: c.Bool("hidden"), Seed: c.Uint64("seed"),
	}
	members, err := numbers(c, "members", "10", strconv.Atoi)
	if err != nil {
		return nil, err
	}
	var cases []balance.Case
	for _, n := range members {
		for _, speeds := range values(c, "speeds", "1-8") {
			low, high, err := parseSpeeds(speeds)
			if err != nil {
				return nil, err
			}
			for _, sizes := range allOf(c, "sizes", balance.LogNormal, balance.Sizes()) {
				for _, estimates := range allOf(c, "estimates", balance.Known, balance.Estimates()) {
					for _, arrivals := range allOf(c, "arrivals", balance.Batch, balance.Arrivals()) {
						for _, policy := range allOf(c, "policy", "all", balance.Policies()) {
							k := base
							k.Members, k.Low, k.High, k.Sizes, k.Estimates, k.Arrivals, k.Policy = n, low, high, sizes, estimates, arrivals, policy
							if err := k.Check(); err != nil {
								return nil, usage("%v", err)
							}
							cases = append(cases, k)
						}
					}
				}
			}
		}
	}
	return cases, nil
}

// allOf is values, where "all" stands for every one.
func allOf(c *call, name, fallback string, all []string) []string {
	if list := values(c, name, fallback); len(list) != 1 || list[0] != "all" {
		return list
	}
	return all
}

func parseSpeeds(word string) (low, high float64, err error) {
	from, to, _ := strings.Cut(word, "-")
	if to == "" {
		to = from
	}
	if low, err = strconv.ParseFloat(from, 64); err == nil {
		high, err = strconv.ParseFloat(to, 64)
	}
	if err != nil {
		return 0, 0, usage("--speeds %s: two numbers are meant, like 1-8", word)
	}
	return low, high, nil
}
