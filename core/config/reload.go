package config

import (
	"maps"
	"slices"
	"strings"
)

// live says whether a running node can take over another value of a key. Every
// other key stands for something that was opened, or agreed with others, when the
// node started.
func (k key) live() bool {
	switch k.path() {
	case "node.slots", "node.allow_exec", "socket.read", "socket.submit", "socket.admin", "cluster.seeds":
		return true
	}
	return strings.HasPrefix(k.section, tasksSection+".")
}

// Change is a key that differs between two configurations, as Finding names it;
// a task that differs in whatever is tasks.NAME.
type Change struct {
	Key string
	// Live says that a running node can take it over.
	Live bool
}

// Changes lists what differs between two configurations.
func Changes(from, to *Config) (changes []Change) {
	for _, k := range keys() {
		if k.toml(from) != k.toml(to) {
			changes = append(changes, Change{k.path(), k.live()})
		}
	}
	names := slices.Collect(maps.Keys(from.Tasks))
	for name := range to.Tasks {
		if from.Tasks[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if from.taskText(name) != to.taskText(name) {
			changes = append(changes, Change{tasksSection + "." + name, true})
		}
	}
	return changes
}

// taskText is all that is said of a task; empty: there is none.
func (c *Config) taskText(name string) string {
	if c.Tasks[name] == nil {
		return ""
	}
	return (&Config{Tasks: map[string]*Task{name: c.Tasks[name]}}).taskTOML()
}
