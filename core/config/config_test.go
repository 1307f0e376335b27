package config

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"hb/core"
)

func TestTheDefaultFileParsesToTheDefaults(t *testing.T) {
	c, findings := Parse("f", []byte(Default()))
	if len(findings) > 0 || !reflect.DeepEqual(c, New()) {
		t.Errorf("got %+v with %v", c, findings)
	}
}

func TestTheDefaultFileWithoutItsMarksStillDoes(t *testing.T) {
	mark := regexp.MustCompile(`(?m)^# ([a-z_]+ = )`)
	c, findings := Parse("f", []byte(mark.ReplaceAllString(Default(), "$1")))
	if len(findings) > 0 || !reflect.DeepEqual(c, New()) {
		t.Errorf("got %+v with %v", c, findings)
	}
}

func TestEveryKeyIsInTheDefaultFileTheEffectiveOneAndTheManual(t *testing.T) {
	for _, k := range keys() {
		line := "\n" + k.name + " = "
		if !strings.Contains(Default(), "\n# "+k.name+" = "+k.fallback+"\n") {
			t.Errorf("%s is not in the default file", k.path())
		}
		if !strings.Contains(New().TOML(), line) {
			t.Errorf("%s is not in the effective file", k.path())
		}
		if !strings.Contains(Manual(), "\n**"+k.name+"** = `"+k.fallback+"`\n: "+k.doc) {
			t.Errorf("%s is not in the manual", k.path())
		}
	}
}

func TestTheDefaultFileIsNoWiderThanATerminal(t *testing.T) {
	for _, line := range strings.Split(Default(), "\n") {
		if len(line) > 80 {
			t.Errorf("%q is %d columns wide", line, len(line))
		}
	}
}

func TestEveryFieldHasItsOwnKey(t *testing.T) {
	c := New()
	seen := map[any]string{}
	for _, k := range keys() {
		field := k.field(c)
		if other, ok := seen[field]; ok {
			t.Errorf("%s and %s are one field", k.path(), other)
		}
		seen[field] = k.path()
	}
	fields := 0
	for i := range reflect.TypeFor[Config]().NumField() {
		if section := reflect.TypeFor[Config]().Field(i).Type; section.Kind() == reflect.Struct {
			fields += section.NumField()
		}
	}
	if n := reflect.TypeFor[Task]().NumField(); n != len(taskKeys("")) {
		t.Errorf("%d fields of a task have %d keys", n, len(taskKeys("")))
	}
	if fields != len(seen) {
		t.Errorf("%d fields have %d keys", fields, len(seen))
	}
}

func TestTasksSurviveTheEffectiveFile(t *testing.T) {
	c, findings := Parse("f", []byte(good))
	again, more := Parse("f", []byte(c.TOML()))
	if len(findings)+len(more) > 0 || len(c.Tasks) != 2 || !reflect.DeepEqual(c, again) {
		t.Errorf("%v %v: %s", findings, more, again.TOML())
	}
	for _, k := range taskKeys("NAME") {
		if !strings.Contains(Default(), "\n#   "+k.name+" = "+k.fallback+"\n") || !strings.Contains(Manual(), "\n**"+k.name+"** = `"+k.fallback+"`\n: "+k.doc) {
			t.Errorf("%s is not in the default file and the manual", k.name)
		}
	}
}

func TestSetTakesWhatACommandLineHas(t *testing.T) {
	c := New()
	for key, values := range map[string][]string{
		"node.name": {"web1"}, "node.slots": {"3"}, "node.bind": {"127.0.0.1:0", "[::1]:0"},
		"node.tags": {"disk=big", "a=b=c"}, "detector.period": {"2s"}, "discover.beacons": {"false"},
		"cluster.seeds": {},
	} {
		if err := c.Set(key, values...); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	want := New()
	want.Node.Name, want.Node.Slots, want.Node.Bind = "web1", 3, []string{"127.0.0.1:0", "[::1]:0"}
	want.Node.Tags = map[string]string{"disk": "big", "a": "b=c"}
	want.Detector.Period, want.Discover.Beacons = 2e9, false
	want.Cluster.Seeds = nil
	c.Cluster.Seeds = c.Cluster.Seeds[:0:0]
	if c.TOML() != want.TOML() {
		t.Errorf("set %s, wanted %s", c.TOML(), want.TOML())
	}
}

func TestSetRefusesWhatAFileMayNotHave(t *testing.T) {
	for _, c := range []struct {
		key    string
		values []string
		want   string
	}{
		{"node.colour", []string{"red"}, "node.colour: no such key"},
		{"node.name", []string{"a b"}, `node.name: "a b" has a character that names may not have: letters`},
		{"node.name", []string{"a", "b"}, "node.name: has 2 values: "},
		{"node.name", nil, "node.name: has 0 values: "},
		{"node.slots", []string{"many"}, `node.slots: "many" cannot be read: a whole number`},
		{"node.tags", []string{"disk"}, `node.tags: "disk" has no =: `},
		{"discover.beacons", []string{"perhaps"}, `discover.beacons: "perhaps" cannot be read: true or false`},
	} {
		err := New().Set(c.key, c.values...)
		var fault *core.Fault
		if !errors.As(err, &fault) || fault.Code != core.CodeUsage || !strings.HasPrefix(fault.Message, c.want) {
			t.Errorf("Set(%s, %q) says %v, wanted %s…", c.key, c.values, err, c.want)
		}
	}
}

func TestDefaultPaths(t *testing.T) {
	set := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, c := range []struct {
		name               string
		uid                int
		env                func(string) string
		path, socket, data string
	}{
		{"root", 0, set("HOME", "/home/r", "XDG_CONFIG_HOME", "/x"),
			"/etc/hb/hb.toml", "/run/hb/hb.sock", "/var/lib/hb"},
		{"a user with XDG variables", 7, set("HOME", "/home/u", "XDG_CONFIG_HOME", "/c", "XDG_RUNTIME_DIR", "/r", "XDG_STATE_HOME", "/s"),
			"/c/hb/hb.toml", "/r/hb/hb.sock", "/s/hb"},
		{"a user without", 7, set("HOME", "/home/u"),
			"/home/u/.config/hb/hb.toml", "/run/user/7/hb/hb.sock", "/home/u/.local/state/hb"},
		{"relative variables count as unset", 7, set("HOME", "/home/u", "XDG_CONFIG_HOME", "c", "XDG_RUNTIME_DIR", "./r", "XDG_STATE_HOME", "s"),
			"/home/u/.config/hb/hb.toml", "/run/user/7/hb/hb.sock", "/home/u/.local/state/hb"},
		{"nobody's home", 7, set(), "", "/run/user/7/hb/hb.sock", ""},
	} {
		if got := DefaultPath(c.uid, c.env); got != c.path {
			t.Errorf("%s: config at %q, wanted %q", c.name, got, c.path)
		}
		if got := DefaultSocket(c.uid, c.env); got != c.socket {
			t.Errorf("%s: socket at %q, wanted %q", c.name, got, c.socket)
		}
		if got := DefaultData(c.uid, c.env); got != c.data {
			t.Errorf("%s: data at %q, wanted %q", c.name, got, c.data)
		}
	}
}
