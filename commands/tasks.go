package commands

import (
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core/control"
)

func tasksCommand() *cli.Command {
	list := listFlags()
	return &cli.Command{
		Name:        "tasks",
		Aliases:     []string{"task"},
		Usage:       "list the tasks, and look after one",
		Description: listWords + "\n\nWithout a subcommand it lists, as hb tasks list does.",
		Flags:       list,
		Action:      plainWords(0, runTaskList),
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "list the tasks, oldest first", Description: listWords, Flags: listFlags(), Action: plainWords(0, runTaskList)},
			{Name: "show", Usage: "show a task: what, where, how often, how it ended", ArgsUsage: "ID", Action: plainWords(1, runTaskShow),
				Description: "Shows everything the cluster knows of a task, read with the consent of a majority.\nAn ID that nobody knows exits 66."},
			logsCommand(),
			{Name: "wait", Usage: "wait for a task's end, and exit as it does", ArgsUsage: "ID", Action: plainWords(1, runTaskWait),
				Description: "Waits until the task has ended and exits with its code, as hb submit --wait does:\n125 when hb does not know it, or --timeout is over. ^C ends the waiting, never the task."},
			{Name: "cancel", Usage: "end a task", ArgsUsage: "ID", Action: plainWords(1, runTaskCancel),
				Description: "Asks for the end of a task and returns when the wish is in the log. A running task\nis sent SIGTERM, with all its children, and SIGKILL if it does not end; one that\nhas ended stays as it is."},
			definedCommand(),
			{Name: "retry", Usage: "submit a task that has ended once more", ArgsUsage: "ID", Action: plainWords(1, runTaskRetry),
				Description: "Submits the content of a task that has ended once more, as a task of its own,\nwithout the --key of the first, and prints the ID of the new one. One that has not\nended is refused (1)."},
		},
	}
}

const listWords = `Lists the tasks that this node knows, oldest first. STATUS is queued, assigned,
running, cancelling, succeeded, failed, timed-out, cancelled or unknown. A task
is assigned from when the log gives it to a member, and running from when that
member has told the leader of its process: within a second, and only while there
is a leader. One with elements is running until all of them have ended.`

func listFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "status", Usage: "only tasks of this `STATUS`; may be repeated"},
		&cli.StringFlag{Name: "name", Usage: "only tasks called `NAME`"},
		&cli.StringFlag{Name: "node", Usage: "only tasks whose last attempt was granted to `NODE`"},
		&cli.DurationFlag{Name: "since", Usage: "only tasks submitted in the last `DURATION`"},
		&cli.IntFlag{Name: "limit", Usage: "only the `N` of them that were submitted last"},
	}
}

func taskStatuses() []string {
	return []string{"queued", "assigned", "running", "cancelling", "succeeded", "failed", "timed-out", "cancelled", "unknown"}
}

func runTaskList(c *call) error {
	err := checkChoice(c, "status", taskStatuses()...)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	q := control.TaskQuery{Status: c.StringSlice("status"), Name: c.String("name"), Node: c.String("node"), Newest: c.Int("limit")}
	if c.IsSet("limit") && q.Newest < 1 {
		return usage("--limit %d: one or more are meant", q.Newest)
	}
	if c.IsSet("since") {
		q.Since = time.Now().Add(-c.Duration("since"))
	}
	whole := &control.Tasks{Schema: "hb.tasks/1", Tasks: []control.TaskRow{}}
	for more := true; more; {
		page, err := taskPage(c, client, q)
		if err != nil {
			return err
		}
		if c.form == "json" { // one document
			whole.Tasks = append(whole.Tasks, page.Tasks...)
		} else if err := printTasks(c, page, q.After != ""); err != nil {
			return err
		}
		if more = page.Next != nil; more {
			q.After = *page.Next
		}
	}
	if c.form == "json" {
		return render.JSON(c.stdout, whole)
	}
	return nil
}

// taskPage asks for one page, for which the node has as long as for any answer.
func taskPage(c *call, client *control.Client, q control.TaskQuery) (*control.Tasks, error) {
	ctx, cancel, err := c.answerContext()
	if err != nil {
		return nil, err
	}
	defer cancel()
	return client.TaskPage(ctx, q)
}

// printTasks prints a page of the list; one that goes on has no header.
func printTasks(c *call, list *control.Tasks, goesOn bool) error {
	t := &render.Table{
		Header: []string{"ID", "NAME", "STATUS", "NODE", "TRY", "SUBMITTED", "ENDED", "EXIT", "COMMAND"},
		Shrink: []int{1, 3, 8},
		Drop:   []int{6, 4, 5, 1},
		Paint:  3,
		Bare:   goesOn,
	}
	var records []any
	for _, task := range list.Tasks {
		try := ""
		if task.Attempt != nil {
			try = strconv.Itoa(int(*task.Attempt))
		}
		t.Rows = append(t.Rows, []string{
			task.ID, task.Name, task.Status, orEmpty(task.Node), try, c.when(task.Submitted), c.when(task.Ended),
			number(task.Exit), commandOf(task.Name, task.Argv, task.Args),
		})
		records = append(records, struct {
			Schema string `json:"schema"`
			control.TaskRow
		}{"hb.taskrow/1", task})
	}
	return c.print(list, records, t)
}

// when shows a time: to people in their zone, to programs in UTC.
func (c *call) when(t *time.Time) string {
	switch {
	case t == nil:
		return ""
	case c.form == "plain":
		return t.UTC().Format(time.RFC3339)
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// commandLine shows words so that a shell would read them as the same words.
func commandLine(argv []string) string {
	var words []string
	for _, w := range argv {
		if w == "" || strings.ContainsAny(w, " \t\n\"'\\$&|;<>()*?[]#~`{}!") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}
