package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"hb/commands/render"
	"hb/core/control"
)

// taskWord is the ID that most subcommands of task need.
func taskWord(c *call) (string, error) {
	if len(c.words) == 0 {
		return "", usage("%s needs the ID of a task", c.name()).WithHint("hb tasks lists them")
	}
	return c.words[0], nil
}

func runTaskWait(c *call) error {
	id, err := taskWord(c)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := c.waitContext()
	defer cancel()
	said := c.sayWhyQueued(ctx, client, id)
	task, err := client.WaitTask(ctx, id)
	said()
	if err != nil {
		return waitFault(ctx, id, err)
	}
	if c.isJSON() {
		if err := render.JSON(c.stdout, task); err != nil {
			return err
		}
	}
	return verdict(task)
}

func runTaskShow(c *call) error {
	return aboutTask(c, func(ctx context.Context, client *control.Client, id string) (*control.Task, error) {
		return client.Task(ctx, id)
	})
}

func runTaskCancel(c *call) error {
	return aboutTask(c, func(ctx context.Context, client *control.Client, id string) (*control.Task, error) {
		return client.Cancel(ctx, id)
	})
}

func runTaskRetry(c *call) error {
	id, err := taskWord(c)
	if err != nil {
		return err
	}
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	got, err := client.Retry(ctx, id)
	if err != nil {
		return err
	}
	return c.printMade(got)
}

// aboutTask asks for a task and shows it.
func aboutTask(c *call, ask func(context.Context, *control.Client, string) (*control.Task, error)) error {
	id, err := taskWord(c)
	if err != nil {
		return err
	}
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	task, err := ask(ctx, client, id)
	if err != nil {
		return err
	}
	switch {
	case c.isJSON():
		return render.JSON(c.stdout, task)
	case c.form == "plain":
		return (&render.Table{Rows: [][]string{{task.ID, task.Name, task.Status, orEmpty(task.Reason),
			strconv.Itoa(len(task.Attempts)), number(task.Exit), commandOf(task.Name, task.Argv, task.Args)}}}).Plain(c.stdout)
	}
	return printTask(c, task)
}

// printTask shows a task on a page: facts, attempts, the ends of its output.
func printTask(c *call, t *control.Task) error {
	facts := [][2]string{{"task", t.ID}, {"name", t.Name}, {"command", commandOf(t.Name, t.Argv, t.Args)}, {"status", t.Status}}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, [2]string{name, value})
		}
	}
	add("reason", orEmpty(t.Reason))
	add("waiting", orEmpty(t.Waiting))
	add("exit", number(t.Exit))
	add("key", orEmpty(t.Key))
	add("on", orEmpty(t.On))
	add("where", strings.Join(t.Where, " "))
	if t.Once {
		add("once", "yes")
	}
	if t.Retries > 0 {
		add("retries", strconv.Itoa(int(t.Retries)))
	}
	if t.Priority != "normal" {
		add("priority", t.Priority)
	}
	if t.Weight != nil {
		add("weight", fmt.Sprintf("%gs", *t.Weight))
	}
	if t.Keep != nil {
		add("keep", fmt.Sprintf("%gs", *t.Keep))
	}
	add("prefer", orEmpty(t.Prefer))
	add("exclusive", orEmpty(t.Exclusive))
	add("on failure", orEmpty(t.OnFailure))
	if t.TimeLimit != nil {
		add("time limit", fmt.Sprintf("%gs", *t.TimeLimit))
	}
	add("environment", strings.Join(t.Env, " "))
	add("directory", orEmpty(t.Cwd))
	add("index", t.Index)
	add("submitted", c.when(t.Submitted))
	add("ended", c.when(t.Ended))
	if n := len(t.Attempts); n > 0 {
		add("chosen as", orEmpty(t.Attempts[n-1].Why))
	}
	if t.Result != nil {
		add("error", orEmpty(t.Result.Error))
		add("cpu", fmt.Sprintf("%.3fs", t.Result.CPU))
		add("memory", memoryOf(t.Result))
	}
	errs := []error{render.Pairs(c.stdout, facts, c.width(), c.color()), printAttempts(c, t), printElements(c, t), printCandidates(c, t)}
	if t.Result != nil {
		errs = append(errs, printTail(c, t.ID, "stdout", t.Result.StdoutTail), printTail(c, t.ID, "stderr", t.Result.StderrTail))
	}
	return errors.Join(errs...)
}

// memoryOf is the most that a task had resident, where that is known.
func memoryOf(r *control.Result) string {
	if r.MaxRSS == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f MiB", float64(*r.MaxRSS)/(1<<20))
}

func printAttempts(c *call, t *control.Task) error {
	if len(t.Attempts) == 0 {
		return nil
	}
	table := &render.Table{Header: []string{"TRY", "NODE", "STARTED", "ENDED", "EXIT", "SIGNAL", "OUTCOME", "FENCE"}, Shrink: []int{1}, Drop: []int{2, 7, 3}}
	for _, a := range t.Attempts {
		table.Rows = append(table.Rows, []string{
			strconv.Itoa(int(a.N)), a.Node, c.when(a.Started), c.when(a.Ended),
			number(a.Exit), number(a.Signal), orEmpty(a.Outcome), a.Fence,
		})
	}
	if _, err := fmt.Fprintln(c.stdout); err != nil {
		return err
	}
	return table.Write(c.stdout, c.width(), c.color())
}

// printCandidates shows how the members look that a task waits for.
func printCandidates(c *call, t *control.Task) error {
	if len(t.Candidates) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(c.stdout); err != nil {
		return err
	}
	return tableOf(&control.Explanation{Candidates: t.Candidates}).Write(c.stdout, c.width(), c.color())
}

// printElements shows how far each element is, and who has none.
func printElements(c *call, t *control.Task) error {
	table := &render.Table{Header: []string{"ELEMENT", "NODE", "STATUS", "EXIT"}, Shrink: []int{1}, Paint: 3}
	for _, e := range t.Elements {
		table.Rows = append(table.Rows, []string{strconv.Itoa(int(e.N)), orEmpty(e.Node), e.Status, number(e.Exit)})
	}
	for _, m := range t.Missing {
		table.Rows = append(table.Rows, []string{"", m.Node, "not reached: " + m.Why, ""})
	}
	if len(table.Rows) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(c.stdout); err != nil {
		return err
	}
	return table.Write(c.stdout, c.width(), c.color())
}

// What hb tasks show prints of each stream at most; a task's record may keep
// thousands of lines of it.
const shownLines, shownBytes = 20, 2 << 10

// printTail shows the end of a stream, line by line, each made safe.
func printTail(c *call, id, name, tail string) error {
	if tail == "" {
		return nil
	}
	lines, more := lastLines(tail)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s:\n", name)
	for _, line := range lines {
		b.WriteString("  " + render.Safe(line) + "\n")
	}
	if more {
		fmt.Fprintf(&b, "  … hb logs %s shows all\n", id)
	}
	_, err := fmt.Fprint(c.stdout, b.String())
	return err
}

// lastLines are the last lines of a text, as many as are shown; more says that
// something stood before them.
func lastLines(text string) (lines []string, more bool) {
	if over := len(text) - shownBytes; over > 0 {
		text, more = strings.ToValidUTF8(text[over:], ""), true
		if _, whole, is := strings.Cut(text, "\n"); is && whole != "" { // the first may be half of one
			text = whole
		}
	}
	lines = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if over := len(lines) - shownLines; over > 0 {
		lines, more = lines[over:], true
	}
	return lines, more
}
