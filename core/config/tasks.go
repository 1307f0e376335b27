package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TaskUser is whom tasks run as that name no user, where root runs the node.
const TaskUser = "hb"

// Task is a section [tasks.NAME]: what may be run here by that name.
type Task struct {
	// Command is what is run, without a shell; Args says whether whoever
	// submits it may put words of his own behind it.
	Command []string
	Args    bool
	// User is whom it runs as; empty: hb where root runs the node, else the
	// node's own user.
	User string
	// Idempotent says that it may be run again when its member was lost.
	Idempotent bool
	// TimeLimit ends an attempt; 0: nothing does.
	TimeLimit time.Duration
	// Memory is in bytes, like "512M"; CPU in percent of one processor;
	// Processes and Files count. Empty and 0: no limit.
	Memory                string
	CPU, Processes, Files int
}

// tasksSection is the heading under which tasks stand; each is a section of its
// own.
const tasksSection = "tasks"

// taskKeys is the table of the keys of one task.
func taskKeys(name string) []key {
	section := tasksSection + "." + name
	at := func(c *Config) *Task { return c.Tasks[name] }
	return []key{
		{section, "command", list, `[]`, `a program and its arguments, like ["/usr/local/bin/backup", "--all"]`, checkWord,
			"What is run: the program and its arguments, without a shell.",
			func(c *Config) any { return &at(c).Command }},
		{section, "args", flag, `false`, "true or false", nil,
			"Whoever submits it may put arguments of his own behind the command.",
			func(c *Config) any { return &at(c).Args }},
		{section, "user", text, `""`, `the name or number of a user, like "backup"`, maybe(checkAccount),
			"Whom it runs as. Empty: the user " + TaskUser + " where root runs the node, else the node's own user.",
			func(c *Config) any { return &at(c).User }},
		{section, "idempotent", flag, `true`, "true or false", nil,
			"It may be run again when the member that ran it was lost. false: as with --once.",
			func(c *Config) any { return &at(c).Idempotent }},
		{section, "time_limit", period, `"0s"`, `a duration up to 365d, like "4h" or "2d"; "0s" for none`, between(0, 365*24*time.Hour),
			"An attempt is ended after this time.",
			func(c *Config) any { return &at(c).TimeLimit }},
		{section, "memory", text, `""`, `a number of bytes with K, M, G or T, like "512M"`, maybe(checkMemory),
			"The memory that it may use, by its cgroup where that has a memory controller, else by the size of each process's address space.",
			func(c *Config) any { return &at(c).Memory }},
		{section, "cpu", number, `0`, "a percentage of one processor from 1 to 100000, like 150; 0 for no limit", inRange(0, 100000),
			"The processor time that it may use, where its cgroup has a controller for that; elsewhere it is not limited.",
			func(c *Config) any { return &at(c).CPU }},
		{section, "processes", number, `0`, "a whole number from 1 to 1000000, like 100; 0 for no limit", inRange(0, 1_000_000),
			"How many processes and threads it may be at once, by its cgroup where that has a controller for them, else together with all others of its user.",
			func(c *Config) any { return &at(c).Processes }},
		{section, "files", number, `0`, "a whole number from 8 to 1000000, like 1024; 0 for no limit", checkFiles,
			"How many files each of its processes may have open.",
			func(c *Config) any { return &at(c).Files }},
	}
}

// taskSections holds every [tasks.NAME] against the table.
func (r *reader) taskSections(values map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if r.full() {
			return
		}
		path := tasksSection + "." + name
		settings, isTable := values[name].(map[string]any)
		problem := checkName(name)
		switch {
		case !isTable:
			r.report(path, "stands outside any task", "a heading for each task, like [tasks.backup]")
			continue
		case problem != "":
			r.report(path, problem, `a name of letters, digits, "." "_" "-", at most 63`)
			continue
		}
		if r.config.Tasks == nil {
			r.config.Tasks = map[string]*Task{}
		}
		r.config.Tasks[name] = newTask()
		r.rows(path, taskKeys(name), settings)
		if len(r.config.Tasks[name].Command) == 0 {
			if _, said := settings["command"]; !said {
				r.report(path, "says nothing to run", `command = ["/path/to/program", "argument"]`)
			} else if words, isList := settings["command"].([]any); isList && len(words) == 0 {
				r.report(path+".command", "is empty", taskKeys(name)[0].want)
			}
		}
	}
}

// newTask is a task with all defaults.
func newTask() *Task { return &Task{Idempotent: true} }

// checkWord sees one word of a command.
func checkWord(s string) string {
	if strings.ContainsRune(s, 0) {
		return "holds a zero byte"
	}
	return ""
}

func checkFiles(s string) string {
	if s == "0" {
		return ""
	}
	return inRange(8, 1_000_000)(s)
}

func checkMemory(s string) string {
	if _, ok := bytesOf(s); !ok {
		return fmt.Sprintf("%q is no size", s)
	}
	return ""
}

// MemoryBytes is Memory as a number; 0: no limit.
func (t *Task) MemoryBytes() int64 {
	n, _ := bytesOf(t.Memory)
	return n
}

// bytesOf reads a number of at least a mebibyte, with a unit of 1024.
func bytesOf(s string) (n int64, ok bool) {
	if s == "" {
		return 0, false
	}
	unit := int64(1)
	if at := strings.IndexByte("KMGT", s[len(s)-1]); at >= 0 {
		unit, s = 1<<(10*(at+1)), s[:len(s)-1]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit || n*unit < 1<<20 {
		return 0, false
	}
	return n * unit, true
}

// taskTOML writes the tasks as a file has them.
func (c *Config) taskTOML() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.Tasks)) {
		fmt.Fprintf(&b, "\n[%s.%s]\n", tasksSection, quote(name))
		for _, k := range taskKeys(name) {
			b.WriteString(k.name + " = " + k.toml(c) + "\n")
		}
	}
	return b.String()
}
