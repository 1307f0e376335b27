package commands

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core/control"
)

const (
	// completionTime is how long the node is asked: somebody holds a key down.
	completionTime = time.Second
	// completedTasks is how many tasks are offered, of those submitted last.
	completedTasks = 50
	// fileNames stands for the names of files, which the shell knows.
	fileNames = ":files"
)

// completer completes the last word of a command line. It takes the line apart as
// arrange does, but forgives everything: the line is not whole yet.
type completer struct {
	arranger
	call    *call
	pending cli.Flag // the flag whose value comes next
	behind  bool     // behind "--", where hb's own words end
	socket  string   // as the line names it
}

// complete gives the candidates for the last of the words.
func complete(c *call, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	k := &completer{arranger: arranger{app: whole(c.App)}, call: c}
	last := len(words) - 1
	for _, w := range words[:last] {
		k.take(w)
	}
	return k.candidates(words[last])
}

// take takes a word in front of the last one. A shell may give --flag=value in three.
func (k *completer) take(w string) {
	switch name, value, has := strings.Cut(w, "="); {
	case k.behind:
	case k.pending != nil && w == "=":
	case k.pending != nil:
		k.valued(k.pending, w)
		k.pending = nil
	case w == "--":
		k.behind = true
	case len(w) > 1 && w[0] == '-':
		f, _ := k.find(strings.TrimLeft(name, "-"))
		if _, is := f.(*cli.BoolFlag); f == nil || is {
			return
		}
		if has {
			k.valued(f, value)
		} else {
			k.pending = f
		}
	default:
		_ = k.word(w) // an unknown command has no candidates
	}
}

func (k *completer) valued(f cli.Flag, value string) {
	if f.Names()[0] == "socket" {
		k.socket = value
	}
}

// command is the last that was named; nil: none yet.
func (k *completer) command() *cli.Command {
	if n := len(k.out.path); n > 0 {
		return k.out.path[n-1]
	}
	return nil
}

// candidates are the lines for the last word that begin as it does.
func (k *completer) candidates(word string) []string {
	switch name, value, has := strings.Cut(word, "="); {
	case k.behind:
		return []string{fileNames}
	case k.pending != nil:
		return beginning(k.ofFlag(k.pending), "", strings.TrimPrefix(word, "="))
	case has && strings.HasPrefix(name, "--"):
		if f, _ := k.find(name[2:]); f != nil {
			return beginning(k.ofFlag(f), name+"=", value)
		}
		return nil
	case strings.HasPrefix(word, "-"):
		return beginning(k.someFlags(), "", word)
	}
	return beginning(k.arguments(), "", word)
}

// beginning keeps what begins like a word, and puts a prefix before it.
func beginning(all []string, prefix, word string) (some []string) {
	for _, line := range all {
		if line == fileNames {
			some = append(some, line)
		} else if strings.HasPrefix(line, word) {
			some = append(some, prefix+line)
		}
	}
	return some
}

// someFlags are those that may stand here.
func (k *completer) someFlags() (lines []string) {
	lists := [][]cli.Flag{k.app.Flags}
	if c := k.command(); c != nil {
		lists = [][]cli.Flag{c.Flags, k.app.Flags}
	}
	for _, list := range lists {
		for _, f := range list {
			_, meaning := describe(f)
			lines = append(lines, "--"+f.Names()[0]+"\t"+meaning)
		}
	}
	return append(lines, "--help\texplain the command")
}

// arguments are what may stand here that is no flag: commands, or arguments as the
// command's own synopsis names them.
func (k *completer) arguments() (lines []string) {
	c := k.command()
	known := k.app.Commands
	if c != nil {
		known = c.Subcommands
	}
	if !k.commandsClosed {
		lines = commandLines(known)
	}
	if c == nil || c.ArgsUsage == "" {
		return lines
	}
	places := strings.Fields(c.ArgsUsage)
	at := len(k.words)
	if at >= len(places) {
		at = len(places) - 1
		if !strings.Contains(places[at], "...") {
			return lines
		}
	}
	return append(lines, k.of(strings.Trim(places[at], "[].'"), c.Name)...)
}

func commandLines(commands []*cli.Command) (lines []string) {
	for _, c := range commands {
		if !c.Hidden {
			lines = append(lines, c.Name+"\t"+c.Usage)
		}
	}
	return lines
}

// ofFlag are the values of a flag.
func (k *completer) ofFlag(f cli.Flag) []string {
	form, _ := describe(f)
	name, command := f.Names()[0], ""
	if c := k.command(); c != nil {
		command = c.Name
	}
	if words := flagWords(name, command); words != nil {
		return words
	}
	switch name {
	case "on":
		return append(k.of("NODE", command), "@leader\twhichever member leads")
	case "on-failure", "check":
		return k.of("TASK", command)
	}
	return k.of(form[strings.LastIndexByte(form, ' ')+1:], command)
}

// flagWords are the values of a flag that takes only these.
func flagWords(flag, command string) []string {
	switch flag {
	case "output":
		return []string{"table", "plain", "json", "jsonl"}
	case "priority":
		return []string{"low", "normal", "high"}
	case "overlap":
		return []string{"skip", "queue", "allow"}
	case "catch-up":
		return []string{"skip", "once", "all"}
	case "event":
		return []string{"agreed-up", "agreed-down"}
	case "prefer":
		return []string{"idle"}
	case "status":
		if command == "members" {
			return memberStatuses()
		}
		return taskStatuses()
	}
	return nil
}

// of are the candidates for a word of a synopsis, like NODE or 1|3|5|7. The node is
// asked; without an answer there are none.
func (k *completer) of(what, command string) (lines []string) {
	ctx, cancel := context.WithTimeout(k.call.Context.Context, completionTime)
	defer cancel()
	switch what {
	case "FILE", "DIR", "PATH", "FILE|-":
		return []string{fileNames}
	case "COMMAND":
		return commandLines(k.app.Commands)
	case "SHELL":
		return []string{"bash", "zsh", "fish"}
	case "CONDITION":
		return conditions()
	case "NODE", "TARGET":
		lines = k.members(ctx)
	case "ID":
		lines = k.tasks(ctx, command)
	case "TASK":
		lines = k.defined(ctx)
	case "SCHED":
		lines = k.schedules(ctx)
	case "NAME":
		switch command {
		case "members":
			lines = k.members(ctx)
		case "run", "submit":
			lines = k.defined(ctx)
		case "lock":
			lines = k.locks(ctx)
		}
	default:
		for word := range strings.SplitSeq(what, "|") {
			if word == strings.ToLower(word) && strings.Contains(what, "|") {
				lines = append(lines, word)
			}
		}
	}
	for i := range lines {
		if name, meaning, has := strings.Cut(lines[i], "\t"); has { // a name cannot hold one
			lines[i] = render.Safe(name) + "\t" + render.Safe(meaning)
		}
	}
	return lines
}

// conditions are what hb wait waits for.
func conditions() []string {
	return []string{"ready\ta usable member", "leader", "quorum", "members=\tso many are alive", "voters=", "applied=", "gone="}
}

// node is the way to the node that the line is for.
func (k *completer) node() *control.Client {
	if k.socket != "" {
		return control.NewClient(k.socket)
	}
	sockets, err := k.call.sockets()
	if err != nil {
		return control.NewClient()
	}
	return control.NewClient(sockets...)
}

func (k *completer) members(ctx context.Context) (lines []string) {
	if list, err := k.node().Members(ctx); err == nil {
		for _, m := range list.Members {
			lines = append(lines, m.Name+"\t"+string(m.Status)+", "+m.Role)
		}
	}
	return lines
}

// tasks are those that a command is good for: only an open one can be cancelled.
func (k *completer) tasks(ctx context.Context, command string) (lines []string) {
	q := control.TaskQuery{Newest: completedTasks}
	if command == "cancel" {
		q.Status = []string{"queued", "assigned", "running"}
	}
	list, err := k.node().TaskPage(ctx, q)
	if err != nil {
		return nil
	}
	for _, t := range slices.Backward(list.Tasks) {
		lines = append(lines, t.ID+"\t"+t.Status+": "+commandOf(t.Name, t.Argv, t.Args))
	}
	return lines
}

func (k *completer) defined(ctx context.Context) (lines []string) {
	list, err := k.node().Defined(ctx)
	if err != nil {
		return nil
	}
	for _, d := range list.Tasks {
		if line := d.Name + "\ttask"; !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func (k *completer) schedules(ctx context.Context) (lines []string) {
	if list, err := k.node().Schedules(ctx); err == nil {
		for _, s := range list.Schedules {
			lines = append(lines, s.Name+"\tschedule")
		}
	}
	return lines
}

func (k *completer) locks(ctx context.Context) (lines []string) {
	if list, err := k.node().Locks(ctx); err == nil {
		for _, l := range list.Locks {
			lines = append(lines, l.Name+"\tlock")
		}
	}
	return lines
}
