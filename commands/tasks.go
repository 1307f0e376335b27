package commands

import (
	"slices"
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
			{Name: "retry", Usage: "submit a task that has ended once more", ArgsUsage: "ID", Action: plainWords(1, runTaskRetry),
				Description: "Submits the content of a task that has ended once more, as a task of its own,\nwithout the --key of the first, and prints the ID of the new one. One that has not\nended is refused (1)."},
		},
	}
}

const listWords = `Lists the tasks that this node knows, oldest first. STATUS is queued, assigned,
running, cancelling, succeeded, failed, timed-out, cancelled or unknown.`

func listFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "status", Usage: "only tasks of this `STATUS`; may be repeated"},
		&cli.StringFlag{Name: "name", Usage: "only tasks called `NAME`"},
		&cli.StringFlag{Name: "node", Usage: "only tasks whose last attempt was granted to `NODE`"},
		&cli.DurationFlag{Name: "since", Usage: "only tasks submitted in the last `DURATION`"},
	}
}

func runTaskList(c *call) error {
	err := checkChoice(c, "status", "queued", "assigned", "running", "cancelling", "succeeded", "failed", "timed-out", "cancelled", "unknown")
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel, err := c.answerContext()
	if err != nil {
		return err
	}
	defer cancel()
	list, err := client.Tasks(ctx)
	if err != nil {
		return err
	}
	oldest := time.Now().Add(-c.Duration("since"))
	list.Tasks = slices.DeleteFunc(list.Tasks, func(t control.TaskRow) bool {
		return c.IsSet("status") && !slices.Contains(c.StringSlice("status"), t.Status) ||
			c.IsSet("name") && t.Name != c.String("name") ||
			c.IsSet("node") && orEmpty(t.Node) != c.String("node") ||
			c.IsSet("since") && (t.Submitted == nil || t.Submitted.Before(oldest))
	})
	return printTasks(c, list)
}

func printTasks(c *call, list *control.Tasks) error {
	t := &render.Table{
		Header: []string{"ID", "NAME", "STATUS", "NODE", "TRY", "SUBMITTED", "ENDED", "EXIT", "COMMAND"},
		Shrink: []int{1, 3, 8},
		Drop:   []int{6, 4, 5, 1},
		Paint:  3,
	}
	var records []any
	for _, task := range list.Tasks {
		try := ""
		if task.Attempt != nil {
			try = strconv.Itoa(int(*task.Attempt))
		}
		t.Rows = append(t.Rows, []string{
			task.ID, task.Name, task.Status, orEmpty(task.Node), try, c.when(task.Submitted), c.when(task.Ended),
			number(task.Exit), commandLine(task.Argv),
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
