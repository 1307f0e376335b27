package config

import (
	"fmt"
	"strings"
)

// New gives the configuration of an empty file: all defaults.
func New() *Config {
	c := &Config{}
	r := reader{config: c}
	tree, _ := r.parse([]byte(outline(func(k key) string { return k.name + " = " + k.fallback + "\n" })))
	r.tree(tree)
	if len(r.findings) > 0 {
		panic(fmt.Sprintf("config: a default is wrong: %v", r.findings))
	}
	return c
}

// Default gives a commented hb.toml in which every key stands with its default
// behind a "#", so that it parses to New.
func Default() string { return New().Commented() }

// Commented gives the configuration as a file like Default's, in which the keys
// that differ from their defaults are set.
func (c *Config) Commented() string {
	none := New()
	text := "# hb.toml, the configuration of one hb node. hb.toml(5) says more.\n" +
		"# Every key stands here with its default. To change one, take the # away.\n" +
		outline(func(k key) string {
			line := "# " + k.name + " = " + k.fallback
			if value := k.toml(c); value != k.toml(none) {
				line = k.name + " = " + value
			}
			return "\n" + wrap("# ", k.doc+" Wanted: "+k.want+".") + line + "\n"
		})
	for _, s := range sections() {
		text = strings.Replace(text, "["+s.name+"]\n\n", "["+s.name+"]\n", 1)
	}
	text += "\n# [tasks.NAME]\n"
	for _, k := range taskKeys("NAME") {
		text += "\n" + wrap("#   ", k.doc+" Wanted: "+k.want+".") + "#   " + k.name + " = " + k.fallback + "\n"
	}
	return text
}

// TOML gives the configuration as a file that parses to the same.
func (c *Config) TOML() string {
	return strings.TrimPrefix(outline(func(k key) string { return k.name + " = " + k.toml(c) + "\n" }), "\n") + c.taskTOML()
}

// outline writes every key under its heading.
func outline(line func(key) string) string {
	var b strings.Builder
	for _, s := range sections() {
		if s.name == tasksSection {
			continue // each task is a section of its own
		}
		fmt.Fprintf(&b, "\n[%s]\n", s.name)
		for _, k := range keys() {
			if k.section == s.name {
				b.WriteString(line(k))
			}
		}
	}
	return b.String()
}

// Manual gives the page hb.toml(5) in Markdown, as go-md2man reads it.
func Manual() string {
	var b strings.Builder
	b.WriteString(manualHead)
	for _, s := range sections() {
		heading, rows := s.name, keysOf(s.name)
		if s.name == tasksSection {
			heading, rows = tasksSection+".NAME", taskKeys("NAME")
		}
		fmt.Fprintf(&b, "## [%s]\n%s\n\n", heading, s.doc)
		for _, k := range rows {
			reload := ""
			if k.live() {
				reload = " A reload takes it over."
			}
			fmt.Fprintf(&b, "**%s** = `%s`\n: %s Wanted: %s.%s\n\n", k.name, k.fallback, k.doc, k.want, reload)
		}
	}
	b.WriteString(manualTail)
	return b.String()
}

const manualHead = `hb.toml 5 "" hb "hb manual"
==============================

# NAME
hb.toml - configuration of an hb node

# SYNOPSIS
/etc/hb/hb.toml

$XDG_CONFIG_HOME/hb/hb.toml

# DESCRIPTION
One file in TOML for each node. Root's is the first path above, other users'
the second (XDG_CONFIG_HOME is ~/.config unless set); **--config** and
**HB_CONFIG** name another. A node runs without one. A flag beats the
environment, the environment beats the file, the file beats the default.

A duration is a number and a unit, or several, in quotes: "500ms", "10s", "1h30m",
"7d", "2w". A day has 24 hours.

A file with any fault is refused as a whole, with exit status 78 and one line
for each fault: file, line, column, key, what is wrong, what would be right.
**hb config check** does the same without starting a node, **hb config show**
prints the configuration in force, **hb config default** a commented file to
begin with.

A running node reads the file again when it gets SIGHUP (**systemctl reload hb**;
before systemd 253, **systemctl kill -s HUP --kill-who=main hb**),
and takes over what is marked so below; of every other key that has changed it
says that it needs a restart. A file with a fault changes nothing: the node says
what is wrong and goes on as before.

# KEYS
Each key is shown with its default.

`

const manualTail = `# EXAMPLE
    [node]
    name = "web1"
    tags = {disk = "big"}

    [cluster]
    seeds = ["10.0.0.1:7117", "10.0.0.2:7117"]

    [tasks.backup]
    command = ["/usr/local/bin/backup", "--all"]
    user = "backup"
    memory = "2G"

# SEE ALSO
**hb**(1), **hb-node**(1), **hb-config**(1)
`

// wrap breaks text into lines of at most 79 columns with a prefix before each.
func wrap(prefix, text string) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(text) {
		switch {
		case width == 0:
			b.WriteString(prefix + word)
			width = len(prefix) + len(word)
		case width+1+len(word) > 79:
			b.WriteString("\n" + prefix + word)
			width = len(prefix) + len(word)
		default:
			b.WriteString(" " + word)
			width += 1 + len(word)
		}
	}
	return b.String() + "\n"
}
