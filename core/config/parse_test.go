package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"hb/core/alloctest"
)

// Each file is written with the findings it must give, word for word, as
// people and scripts read them.
func TestEveryFaultIsNamedWithItsPlaceAndWhatWouldBeRight(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"an empty file":       {"", nil},
		"a file of good keys": {good, nil},
		"an unknown key": {
			"[node]\n  slot = 3\n",
			[]string{"f:2:3: node.slot: no such key: did you mean slots?"}},
		"an unknown key like no other": {
			"[log]\nxylophone = 3\n",
			[]string{"f:2:1: log.xylophone: no such key: known: voters"}},
		"a key of another section": {
			"[node]\nperiod = \"2s\"\n",
			[]string{"f:2:1: node.period: no such key: a place under [detector]"}},
		"a key before any section": {
			"name = \"a\"\n",
			[]string{"f:1:1: name: stands outside any section: a place under [node] or [cluster]"}},
		"an unknown section": {
			"[nod]\nname = 3\n",
			[]string{"f:1:1: nod: no such section: did you mean [node]?"}},
		"a section that is a list": {
			"[[log]]\nvoters = 3\n",
			[]string{"f:1:1: log: is a list: a heading [log], once"}},
		"a wrong type": {
			"[node]\nslots = \"4\"\nbind = \"0.0.0.0:7117\"\n",
			[]string{
				`f:2:1: node.slots: is text ("4"): a whole number from 0 to 10000, like 4`,
				`f:3:1: node.bind: is text ("0.0.0.0:7117"): IP:PORT, like "0.0.0.0:7117" or "[::]:7117"`}},
		"a list of a wrong type": {
			"[cluster]\nseeds = [\"a:1\", 7]\n",
			[]string{`f:2:1: cluster.seeds: holds a number (7): HOST:PORT, like "10.0.0.1:7117" or "db1.example:7117"`}},
		"values out of range": {
			"[node]\nslots = 10001\n[detector]\nperiod = \"10ms\"\n[discover]\nport = 0\n[log]\nvoters = 2\n",
			[]string{
				"f:2:1: node.slots: 10001 is too big: a whole number from 0 to 10000, like 4",
				`f:4:1: detector.period: 10ms is too small: a duration from 50ms to 1m, like "1s"`,
				"f:6:1: discover.port: 0 is too small: a port from 1 to 65535, like 7118",
				`f:8:1: log.voters: there is no "2": 1, 3, 5 or 7`}},
		"a detector nobody wrote": {
			"[detector]\nkind = \"rumour\"\n",
			[]string{`f:2:1: detector.kind: there is no "rumour": "swim", "central", "ring", "ring-bi", "all-to-all" or "gossip"`}},
		"a key set twice": {
			"[node]\nname = \"a\"\nname = \"b\"\nslots = -1\n",
			[]string{
				"f:3:1: node.name: is there already, in line 2: one of the two",
				"f:4:1: node.slots: -1 is too small: a whole number from 0 to 10000, like 4"}},
		"a heading that stands twice": {
			"[node]\nname = \"a\"\n[log]\n[node]\nallow_exec = true\n",
			[]string{"f:4:1: node: is there already, in line 1: what stands below it, under that heading"}},
		"a fault of syntax does not hide the others": {
			"[node]\nname = web1\nslots = x\n[log]\nvoters = 9\n",
			[]string{
				"f:2:8: node.name: expected value but found \"web\" instead: " + wantSyntax,
				"f:3:9: node.slots: expected value but found \"x\" instead: " + wantSyntax,
				`f:5:1: log.voters: there is no "9": 1, 3, 5 or 7`}},
		"keys under a broken heading are not blamed": {
			"[log]\nvoters = 1\n[node\nname = \"a\"\n[detector]\nperiod = \"1h\"\n",
			[]string{
				"f:3:6: expected '.' or ']' to end table name, but got the end of the line instead: " + wantSyntax,
				`f:6:1: detector.period: 1h is too big: a duration from 50ms to 1m, like "1s"`}},
		"tasks": {
			"[tasks]\nx = 1\n[tasks.backup]\ncommand = [\"a\"]\nuser = \"a b\"\nmemory = \"512\"\nslot = 1\n[tasks.-f]\n[tasks.none]\n[tasks.empty]\ncommand = []\nfiles = 3\n[tasks.text]\ncommand = \"echo hi\"\n",
			[]string{
				`f:2:1: tasks.x: stands outside any task: a heading for each task, like [tasks.backup]`,
				`f:5:1: tasks.backup.user: "a b" cannot name a user or a group: the name or number of a user, like "backup"`,
				`f:6:1: tasks.backup.memory: "512" is no size: a number of bytes with K, M, G or T, like "512M"`,
				`f:7:1: tasks.backup.slot: no such key: known: command, args, user, idempotent, time_limit, memory, cpu, processes, files`,
				`f:8:1: tasks.-f: "-f" begins with "-": a name of letters, digits, "." "_" "-", at most 63`,
				`f:9:1: tasks.none: says nothing to run: command = ["/path/to/program", "argument"]`,
				`f:11:1: tasks.empty.command: is empty: a program and its arguments, like ["/usr/local/bin/backup", "--all"]`,
				`f:12:1: tasks.empty.files: 3 is too small: a whole number from 8 to 1000000, like 1024; 0 for no limit`,
				`f:14:1: tasks.text.command: is text ("echo hi"): a program and its arguments, like ["/usr/local/bin/backup", "--all"]`}},
		"tags": {
			"[node]\ntags = {disk = 5}\n",
			[]string{`f:2:1: node.tags: disk is a number (5): words in quotes, like {disk = "big", zone = "a"}`}},
		"tags as a section of their own": {
			"[node.tags]\ndisk = \"big\"\n\"no good\" = \"x\"\n",
			[]string{`f:1:1: node.tags: "no good" is not a name for a tag (letters, digits, . _ -, at most 63): words in quotes, like {disk = "big", zone = "a"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			config, findings := Parse("f", []byte(c.file))
			if config == nil {
				t.Fatal("there is no config")
			}
			var got []string
			for _, f := range findings {
				got = append(got, f.String())
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("found:\n%s\nwanted:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

const good = `
[node]
name = "web1"
data = "/srv/hb"
socket = "/srv/hb.sock"
bind = ["10.0.0.1:7117", "[::1]:0"]
advertise = ["{{ GetPrivateIP }}", "10.0.0.1", "[fd00::1]:99"]
interface = ["eth0", "br-1.5"]
slots = 8
allow_exec = true
[node.tags]
disk = "big"
"a.b" = ""
[socket]
group = "ops"
submit = ["alice", "@web"]
admin = []
[cluster]
name = "lab"
seeds = ["db1.example:7117", "10.0.0.2:7117", "[fd00::2]:7117"]
[discover]
beacons = false
port = 7200
multicast = ""
[detector]
kind = "ring-bi"
spread = "unicast"
period = "250ms"
[log]
voters = 1
[tasks.backup]
command = ["/bin/backup", ""]
args = true
user = "backup"
idempotent = false
time_limit = "4h"
memory = "2G"
cpu = 150
processes = 9
files = 64
[tasks."a.b"]
command = ["true"]
`

func TestGoodKeysAreRead(t *testing.T) {
	c, _ := Parse("f", []byte(good))
	want := &Config{
		Node: Node{
			Name: "web1", Data: "/srv/hb", Socket: "/srv/hb.sock", Slots: 8, AllowExec: true,
			Bind:      []string{"10.0.0.1:7117", "[::1]:0"},
			Advertise: []string{"{{ GetPrivateIP }}", "10.0.0.1", "[fd00::1]:99"},
			Interface: []string{"eth0", "br-1.5"},
			Tags:      map[string]string{"disk": "big", "a.b": ""},
		},
		Socket:   Socket{Group: "ops", Read: []string{"*"}, Submit: []string{"alice", "@web"}, Admin: []string{}},
		Cluster:  Cluster{Name: "lab", Seeds: []string{"db1.example:7117", "10.0.0.2:7117", "[fd00::2]:7117"}},
		Discover: Discover{Port: 7200},
		Detector: Detector{Kind: "ring-bi", Spread: "unicast", Period: 250e6},
		Log:      Log{Voters: 1},
		Tasks: map[string]*Task{
			"backup": {
				Command: []string{"/bin/backup", ""}, Args: true, User: "backup", TimeLimit: 4 * time.Hour,
				Memory: "2G", CPU: 150, Processes: 9, Files: 64,
			},
			"a.b": {Command: []string{"true"}, Idempotent: true},
		},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("read %+v, wanted %+v", c, want)
	}
}

func TestAFaultyKeyKeepsItsDefault(t *testing.T) {
	c, findings := Parse("f", []byte("[log]\nvoters = 2\n[node]\nname = \"a\"\nslots = true\n"))
	if len(findings) != 2 || c.Log.Voters != 3 || c.Node.Slots != 0 || c.Node.Name != "a" {
		t.Errorf("got %+v with %v", c, findings)
	}
}

// Whatever stands before a key, the finding points at the key.
func TestKeysAreLocated(t *testing.T) {
	for name, before := range map[string]string{
		"a comment with quotes":       "# it's \"[ here\n",
		"a text with a bracket":       "a = \"[\"\n",
		"a text with a quote":         "a = \"\\\"[\"\n",
		"a literal text":              "a = '\\'\n",
		"a list over lines":           "a = [ # ]\n  \"]\",\n\n]\n",
		"a text over lines":           "a = \"\"\"\n[log]\nslots = 1\n\"\"\"\n",
		"a text that ends in a quote": "a = \"\"\"x\"\"\"\"\"\n",
		"a table in a line":           "a = { b = \"}\", c = '#' } # {\n",
		"carriage returns":            "a = 1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := "[node]\n" + before + "\t slots = -1\n"
			_, findings := Parse("f", []byte(file))
			if len(findings) == 0 {
				t.Fatal("found nothing")
			}
			line := strings.Count(file, "\n")
			if f := findings[len(findings)-1]; f.Key != "node.slots" || f.Line != line || f.Col != 3 {
				t.Errorf("found %v, wanted it at %d:3", f, line)
			}
		})
	}
}

func TestDottedAndQuotedKeysAreLocatedToo(t *testing.T) {
	for _, file := range []string{"\nnode.slots = -1\n", "\n\"node\" . 'slots' = -1\n", "\nnode = { slots = -1 }\n"} {
		_, findings := Parse("f", []byte(file))
		if len(findings) != 1 || findings[0].Line > 2 || findings[0].Key != "node.slots" {
			t.Errorf("%q: found %v", file, findings)
		}
	}
}

func TestAFileThatCannotBeReadIsAFinding(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, problem := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		dir:                        "is a directory",
		big:                        "is longer than",
	} {
		c, findings := Load(path)
		if len(findings) != 1 || !strings.Contains(findings[0].String(), problem) || !strings.HasPrefix(findings[0].String(), path+": ") {
			t.Errorf("%s: found %v", path, findings)
		}
		if !reflect.DeepEqual(c, New()) {
			t.Errorf("%s: the config is not the default", path)
		}
	}
}

// FuzzParse: no bytes may cause a panic; every finding points into the file and
// stays on one line; what is read without findings can be written and read
// again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", good, Default(), New().TOML(), "[node]\nname = \"\"\"", "[[a]]\nb=[{c=1},\n", "a.b.c = 1\na.b = 2", "\xff", "[node]\x00", "x = \"\\u0000\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c *Config
		var findings []Finding
		alloctest.Within(t, mostAllocated/4, func() { c, findings = Parse("f", data) })
		lines := strings.Count(string(data), "\n") + 1
		for _, finding := range findings {
			if finding.Line < 0 || finding.Line > lines+1 || strings.Contains(finding.String(), "\n") {
				t.Errorf("a file of %d lines has the finding %q", lines, finding)
			}
			if finding.Problem == "" || finding.Want == "" {
				t.Errorf("the finding %q does not say what is wrong and what would be right", finding)
			}
		}
		if len(findings) > 0 {
			return
		}
		again, findings := Parse("f", []byte(c.TOML()))
		if len(findings) > 0 || !reflect.DeepEqual(c, again) {
			t.Errorf("read %+v, wrote %s, read %+v with %v", c, c.TOML(), again, findings)
		}
	})
}
