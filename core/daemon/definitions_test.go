package daemon

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hb/core/config"
	"hb/core/wire"
)

func backup() map[string]*config.Task {
	return map[string]*config.Task{
		"backup": {Command: []string{"/bin/backup", "--all"}, Idempotent: true, TimeLimit: time.Hour, Memory: "64M", Files: 32},
		"say":    {Command: []string{"echo"}, Args: true},
		"ghost":  {Command: []string{"true"}, User: "no-such-user"},
	}
}

func TestOnlyWhatIsDefinedIsRun(t *testing.T) {
	d := openDefinitions(&Options{Dev: true, Tasks: backup()}, func(bool, string) {})
	for name, c := range map[string]struct {
		free bool
		spec *wire.Spec
		want string // the command, or a word of the refusal behind "!"
	}{
		"by name":                  {false, &wire.Spec{Name: "backup"}, "/bin/backup --all"},
		"with arguments":           {false, &wire.Spec{Name: "say", Args: []string{"a b"}}, "echo a b"},
		"with input":               {false, &wire.Spec{Name: "say", Stdin: []byte("x")}, "echo"},
		"with hb's own variables":  {false, &wire.Spec{Name: "backup", Env: []string{"HB_ARRAY_INDEX=3", "HB_FAILED_TASK=x", "HB_SCHEDULE=nightly", "HB_EVENT_SUBJECT=c"}}, "/bin/backup --all"},
		"with unwanted arguments":  {true, &wire.Spec{Name: "backup", Args: []string{"/etc"}}, "!arguments"},
		"with unwanted input":      {true, &wire.Spec{Name: "backup", Stdin: []byte("x")}, "!standard input"},
		"with variables":           {true, &wire.Spec{Name: "say", Env: []string{"LD_PRELOAD=/tmp/x.so"}}, "!variables"},
		"with a variable of hb's":  {true, &wire.Spec{Name: "say", Env: []string{"HB_SOCKET=/tmp/x"}}, "!variables"},
		"with a directory":         {true, &wire.Spec{Name: "say", Cwd: "/tmp"}, "!directory"},
		"an unknown name":          {true, &wire.Spec{Name: "restore"}, "!defines no task"},
		"a user who is not there":  {true, &wire.Spec{Name: "ghost"}, "!no user"},
		"a free command":           {true, &wire.Spec{Name: "backup", Argv: []string{"rm", "x"}}, "rm x"},
		"a command in its clothes": {false, &wire.Spec{Name: "backup", Argv: []string{"rm", "x"}}, "!allow_exec"},
		"nothing":                  {true, &wire.Spec{}, "!defines no task"},
	} {
		d.free = c.free
		e, _, err := d.order(c.spec)
		refusal, refused := strings.CutPrefix(c.want, "!")
		switch {
		case refused:
			if err == nil || !strings.Contains(err.Error(), refusal) {
				t.Errorf("%s: %v, %v; wanted a refusal with %q", name, e, err, refusal)
			}
		case err != nil || string(slices.Concat(slices.Collect(between(e.Argv))...)) != c.want:
			t.Errorf("%s: %q, %v; wanted %q", name, e.GetArgv(), err, c.want)
		}
	}
}

// between puts spaces between words.
func between(words [][]byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for i, w := range words {
			if i > 0 && !yield([]byte(" ")) || !yield(w) {
				return
			}
		}
	}
}

func TestTheNarrowerTimeLimitHolds(t *testing.T) {
	d := openDefinitions(&Options{Dev: true, Tasks: backup()}, func(bool, string) {})
	for asked, want := range map[time.Duration]time.Duration{0: time.Hour, time.Minute: time.Minute, 2 * time.Hour: time.Hour} {
		e, _, err := d.order(&wire.Spec{Name: "backup", TimeLimitNanos: int64(asked)})
		if err != nil || time.Duration(e.LimitNanos) != want || e.Limits.GetMemoryBytes() != 64<<20 || e.Limits.GetFiles() != 32 {
			t.Errorf("%v asked: %v, %v", asked, e, err)
		}
	}
}

func TestTasksOfRootsNodeRunAsHb(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root has others to run tasks as, which is NOT tested in this run; run this as root, too")
	}
	var said strings.Builder
	log := func(_ bool, text string) { fmt.Fprintln(&said, text) }
	tasks := map[string]*config.Task{
		"usual": {Command: []string{"id"}}, "root": {Command: []string{"id"}, User: "root"}, "nobody": {Command: []string{"id"}, User: "nobody"},
	}
	d := openDefinitions(&Options{Tasks: tasks, AllowExec: true}, log)
	hb := accountOf(config.TaskUser)
	for _, spec := range []*wire.Spec{{Name: "usual"}, {Argv: []string{"id"}}} {
		e, _, err := d.order(spec)
		switch {
		case hb.bad != nil && (err == nil || !strings.Contains(said.String(), "this node cannot run any command, usual: has no user hb: useradd --system hb")):
			t.Errorf("there is no user hb, and yet: %v, %v; said %s", e, err, &said)
		case hb.bad == nil && (err != nil || e.User.GetUid() != hb.credential.Uid):
			t.Errorf("as hb: %v, %v", e, err)
		}
	}
	if e, as, err := d.order(&wire.Spec{Name: "root"}); err != nil || e.User != nil || !slices.Contains(as.env, "USER=root") {
		t.Errorf("as root: %v, %v, %v", e, as, err)
	}
	if e, as, err := d.order(&wire.Spec{Name: "nobody"}); err != nil || e.User.GetUid() != nobody || !slices.Contains(as.env, "USER=nobody") {
		t.Errorf("as nobody: %v, %v, %v", e, as, err)
	}
	dev := openDefinitions(&Options{Dev: true}, log)
	if e, _, err := dev.order(&wire.Spec{Argv: []string{"id"}}); err != nil || e.User != nil {
		t.Errorf("under --dev: %v, %v", e, err)
	}
}

func TestTheDigestIsOfAllThatADefinitionSays(t *testing.T) {
	seen := map[uint64]string{}
	for name, change := range map[string]func(*config.Task){
		"itself": func(*config.Task) {}, "command": func(d *config.Task) { d.Command = []string{"/bin/backup --all"} },
		"args": func(d *config.Task) { d.Args = true }, "user": func(d *config.Task) { d.User = "root" },
		"idempotent": func(d *config.Task) { d.Idempotent = false }, "time": func(d *config.Task) { d.TimeLimit++ },
		"memory": func(d *config.Task) { d.Memory = "65M" }, "cpu": func(d *config.Task) { d.CPU = 1 },
		"processes": func(d *config.Task) { d.Processes = 1 }, "files": func(d *config.Task) { d.Files = 33 },
	} {
		task := backup()["backup"]
		change(task)
		sum := (&definition{Task: task}).digest()
		if other, is := seen[sum]; is {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[sum] = name
	}
}

func TestWhatCannotRunIsNotOfferedAndLookedUpAnew(t *testing.T) {
	d := openDefinitions(&Options{Dev: true, Tasks: backup()}, func(bool, string) {})
	offered := func(d *definitions) (names string) {
		for _, def := range d.offer().Tasks {
			names += def.Name + " "
		}
		return names
	}
	why := "has no user no-such-user: useradd --system no-such-user"
	if o := d.offer(); !o.Free || offered(&d) != "backup say " || len(o.Unable) != 1 || o.Unable[0].Why != why || o.Unable[0].Free || !slices.Equal(o.Unable[0].Tasks, []string{"ghost"}) {
		t.Errorf("it offers %v", o)
	}
	d.byName["ghost"].User = strconv.Itoa(os.Getuid()) // as if there were such a user now
	if now := d.lookedUp(); offered(&now) != "backup ghost say " || now.offer().Unable != nil {
		t.Errorf("once there is such a user it offers %v", now.offer())
	}
	if offered(&d) != "backup say " {
		t.Error("what the loop goes by was changed under it")
	}
	d.usual.bad = errors.New("has no user hb")
	if o := d.offer(); o.Free || !o.Unable[0].Free {
		t.Errorf("without a user for commands it offers %v", o)
	}
}
