package commands

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/recovery"
	"hb/core/store"
)

func recoverCommand() *cli.Command {
	return &cli.Command{
		Name:      "recover",
		Usage:     "bring back a cluster whose majority of voters is gone for good",
		ArgsUsage: "[DIR...]",
		Description: `Works on the data directory of a node that is stopped: --data, or else the
configuration's. It makes this node the only voter of its cluster, with the
furthest log of all survivors, and says beforehand in full what it will do and what
may be missing; --dry-run only says it. On a terminal it asks; elsewhere it needs
--yes.

Name the directories of further survivors, or copies of them, as arguments: logs
are compared by the term and the number of their last entry, the furthest is told
and taken, and nothing that it holds is lost. Members that never voted count, too.
Without copies, run hb recover --dry-run on each machine and compare the figures.

It is only for when most voters can never come back. If they can, start them: a
majority loses nothing. It is refused where a majority of the voters' directories
is given (--force lifts that), does nothing on a node that is the only voter
already, and never touches a directory on which a node runs.

The cluster keeps its identity and begins a new epoch, 2^32 entries further on, so
that no fence ever goes back. Members of the old epoch are refused, because their
logs may say something else: stop each, run

    hb recover --rejoin --data DIR

which puts its log aside, deleting nothing, and start it with --seed and the address
of a member; it joins anew, under its old node ID.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "the data directory `DIR` of the node that is to lead (default: the configuration's)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be done, and do nothing"},
			&cli.BoolFlag{Name: "rejoin", Usage: "put the log of an older epoch aside instead, so that the node may join the recovered cluster"},
			&cli.BoolFlag{Name: "force", Usage: "even though a majority of the voters' directories is here"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
		},
		Action: plainWords(-1, runRecover),
	}
}

func runRecover(c *call) error {
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	if c.Bool("rejoin") {
		return runRejoin(c, dir)
	}
	all, err := lookAll(append([]string{dir}, c.words...))
	if err != nil {
		return err
	}
	r := newRand()
	plan, err := recovery.NewPlan(all, c.Bool("force"), r)
	if err != nil {
		if c.form == "table" && len(all) > 1 {
			_ = printSurvivors(c, all, nil) // why, in figures; the error itself follows
		}
		return err
	}
	if err := printPlan(c, plan, all); err != nil {
		return err
	}
	if plan.Needless != "" || c.Bool("dry-run") {
		return nil
	}
	if err := c.confirm(fmt.Sprintf("%s becomes the only voter.", plan.Own.Name)); err != nil {
		return err
	}
	files, err := store.OS(dir)
	if err != nil {
		return err
	}
	kept, err := plan.Carry(files, r)
	if err != nil {
		return err
	}
	return c.recovered(dir, kept, plan.Epoch, plan.Index)
}

// lookAll reads directories without a trace.
func lookAll(dirs []string) ([]*recovery.Survivor, error) {
	var all []*recovery.Survivor
	for _, dir := range dirs {
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		files, err := store.ReadOnly(dir)
		if err != nil {
			return nil, err
		}
		copied, err := store.Copy(files)
		if err != nil {
			return nil, err
		}
		s, err := recovery.Look(copied)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func runRejoin(c *call, dir string) error {
	if len(c.words) > 0 {
		return usage("hb recover --rejoin takes no further directory: %q", c.words[0])
	}
	all, err := lookAll([]string{dir})
	if err != nil {
		return err
	}
	s := all[0]
	what := fmt.Sprintf("The log of %s (%s), of epoch %v up to entry %d, is put aside.", s.Name, dir, s.Epoch(), s.Index)
	if c.Bool("dry-run") {
		_, err := fmt.Fprintln(c.stdout, render.Safe(what))
		return err
	}
	if err := c.confirm(what); err != nil {
		return err
	}
	files, err := store.OS(dir)
	if err != nil {
		return err
	}
	id, err := recovery.Rejoin(files, newRand())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "node %v may join anew: start it with --seed and a member's address; its old log is in %s\n",
		core.NodeID(id.Node), render.Safe(filepath.Join(dir, "aside-N")))
	return err
}

// survivorDoc is one directory in the shape hb.recovery/1.
type survivorDoc struct {
	Data     string     `json:"data"`
	Node     string     `json:"node"`
	Name     string     `json:"name"`
	Voter    bool       `json:"voter"`
	Epoch    string     `json:"epoch"`
	Term     string     `json:"term"`
	Index    string     `json:"index"`
	Commit   string     `json:"commit"`
	Written  *time.Time `json:"written"`
	Furthest bool       `json:"furthest"`
	Remarks  []string   `json:"remarks"`
}

func survivorOf(s, furthest *recovery.Survivor) survivorDoc {
	doc := survivorDoc{
		Data: s.Where, Node: core.NodeID(s.Identity.Node).String(), Name: s.Name, Voter: s.Votes(), Epoch: s.Epoch().String(),
		Term: strconv.FormatUint(s.Term, 10), Index: strconv.FormatUint(s.Index, 10), Commit: strconv.FormatUint(s.Commit, 10),
		Furthest: s == furthest, Remarks: append([]string{}, s.Remarks...),
	}
	if wall := s.Ledger.Wall(); wall != 0 {
		at := time.Unix(0, wall).UTC()
		doc.Written = &at
	}
	return doc
}

// printPlan tells what was compared and, for people, what follows from it.
func printPlan(c *call, p *recovery.Plan, all []*recovery.Survivor) error {
	words := p.Words(time.Now())
	if c.isJSON() {
		doc := struct {
			Schema    string        `json:"schema"`
			Needed    bool          `json:"needed"`
			Epoch     *string       `json:"epoch"`
			Index     *string       `json:"index"`
			Survivors []survivorDoc `json:"survivors"`
			Words     []string      `json:"words"`
		}{Schema: "hb.recovery/1", Needed: p.Needless == "", Words: words}
		if doc.Needed {
			doc.Epoch, doc.Index = knownText(strconv.FormatUint(p.Epoch.Number(), 10)), knownText(strconv.FormatUint(p.Index, 10))
		}
		for _, s := range all {
			doc.Survivors = append(doc.Survivors, survivorOf(s, p.From))
		}
		return render.JSON(c.stdout, doc)
	}
	if err := printSurvivors(c, all, p.From); err != nil {
		return err
	}
	for _, s := range p.Older {
		words = append([]string{fmt.Sprintf("%s is of an older epoch, %v: not compared.", s.Where, s.Epoch())}, words...)
	}
	for _, w := range words {
		if _, err := fmt.Fprintf(c.stdout, "\n%s\n", folded(render.Safe(w), 80)); err != nil {
			return err
		}
	}
	if p.Needless == "" {
		_, err := fmt.Fprintln(c.stdout)
		return err
	}
	return nil
}

func printSurvivors(c *call, all []*recovery.Survivor, furthest *recovery.Survivor) error {
	t := &render.Table{Header: []string{"NODE", "VOTER", "EPOCH", "TERM", "ENTRY", "AGREED", "WRITTEN", "FURTHEST", "DATA"}, Shrink: []int{8}}
	for _, s := range all {
		doc := survivorOf(s, furthest)
		written, voter, far := "", "no", ""
		if doc.Written != nil {
			written = doc.Written.Format(time.RFC3339)
		}
		if doc.Voter {
			voter = "yes"
		}
		if doc.Furthest {
			far = "yes"
		}
		t.Rows = append(t.Rows, []string{doc.Name, voter, doc.Epoch, doc.Term, doc.Index, doc.Commit, written, far, doc.Data})
		if c.form == "table" {
			for _, remark := range s.Remarks {
				fmt.Fprintf(c.stderr, "%s: %s\n", render.Safe(s.Name), render.Safe(remark))
			}
		}
	}
	return c.print(nil, nil, t)
}

// folded breaks a paragraph into lines of at most so many bytes.
func folded(text string, width int) string {
	var b strings.Builder
	line := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == 0:
		case line+1+len(word) > width:
			b.WriteByte('\n')
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}
