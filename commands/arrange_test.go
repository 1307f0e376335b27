package commands

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"hb/core"
)

func TestFlagsComeBeforeArgumentsWhereverTheyStood(t *testing.T) {
	for line, want := range map[string]string{
		"members":                            "hb members --",
		"members a --json b":                 "hb --json members -- a b",
		"--json members a":                   "hb --json members -- a",
		"members a --status alive":           "hb members --status=alive -- a",
		"members --status=alive a":           "hb members --status=alive -- a",
		"members a -o json":                  "hb --output=json members -- a",
		"members a -ojson":                   "hb --output=json members -- a",
		"members a -o=json":                  "hb --output=json members -- a",
		"-q leader":                          "hb --quiet leader --",
		"events -fq":                         "hb --quiet events --follow --",
		"events -fqojson":                    "hb --quiet --output=json events --follow --",
		"probe -c 3 a -i 1s":                 "hb probe --count=3 --interval=1s -- a",
		"task show X --json":                 "hb --json tasks show -- X",
		"task --json show X":                 "hb --json tasks show -- X",
		"tasks":                              "hb tasks --",
		"leader transfer b -q":               "hb --quiet leader transfer -- b",
		"log append -":                       "hb log append -- -",
		"log append -- -x":                   "hb log append -- -- -x",
		"submit -- ls --json -q":             "hb submit -- -- ls --json -q",
		"submit NAME -- -q -- x":             "hb submit -- NAME -- -q -- x",
		"submit NAME --on a -- x":            "hb submit --on=a -- NAME -- x",
		"submit --env A=1,2 --env B= -- x":   "hb submit --env=A=1,2 --env=B= -- -- x",
		"run --on -- x":                      "hb run --on=-- -- x",
		"members --agreed=false":             "hb members --agreed=false --",
		"members members":                    "hb members -- members",
		"submit --wait --time-limit 5s -- x": "hb submit --wait --time-limit=5s -- -- x",
	} {
		got, err := arrange(App(""), append([]string{"hb"}, strings.Fields(line)...))
		if err != nil {
			t.Errorf("%q: %v", line, err)
		} else if strings.Join(got.args, " ") != want {
			t.Errorf("%q became %q, want %q", line, strings.Join(got.args, " "), want)
		}
	}
}

func TestWhatCannotBeMeantIsAUsageErrorWithAGuess(t *testing.T) {
	for line, want := range map[string]struct{ message, hint string }{
		"memers":             {`unknown command "memers"`, "did you mean hb members?"},
		"lst":                {`unknown command "lst"`, "did you mean hb logs?"},
		"xyzzy":              {`unknown command "xyzzy"`, "hb help lists the commands"},
		"task shwo X":        {`unknown command "tasks shwo"`, "did you mean hb tasks show?"},
		"leader now":         {`unknown command "leader now"`, "hb help leader lists the commands"},
		"members --stauts x": {"unknown flag --stauts", "did you mean --status?"},
		"run --name x":       {"unknown flag --name", "hb help run lists the flags"},
		"members --retries":  {"unknown flag --retries", "hb help members lists the flags"},
		"--colour members":   {"unknown flag --colour", "hb help lists the flags"},
		"members --x":        {"unknown flag --x", "hb help members lists the flags"},
		"events -fx":         {"unknown flag -x", "hb help events lists the flags"},
		"members -o":         {"-o needs a value", ""},
	} {
		_, err := arrange(App(""), append([]string{"hb"}, strings.Fields(line)...))
		var fault *core.Fault
		if !errors.As(err, &fault) || fault.Code != core.CodeUsage {
			t.Errorf("%q: %v is no usage fault", line, err)
			continue
		}
		if fault.Message != want.message || line != "lst" && fault.Hint != want.hint {
			t.Errorf("%q: %q, hint %q; want %q, hint %q", line, fault.Message, fault.Hint, want.message, want.hint)
		}
	}
}

func TestHelpIsAskedForAnywhereButBehindTheDashes(t *testing.T) {
	for line, want := range map[string]bool{"-h": true, "members --help": true, "help": false, "members x -h": true, "run -- x -h": false} {
		got, err := arrange(App(""), append([]string{"hb"}, strings.Fields(line)...))
		if err != nil || got.help != want {
			t.Errorf("%q: help %v, %v", line, got.help, err)
		}
	}
}

func TestTheNearestWordIsASlipAway(t *testing.T) {
	words := []string{"members", "leader", "tasks"}
	for word, want := range map[string]string{"member": "members", "mebmers": "members", "ledaer": "leader", "taks": "tasks", "x": "", "entirely": ""} {
		if got := nearest(word, words); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestAnErrorIsOneLineAndAHint(t *testing.T) {
	for _, c := range []struct {
		err   error
		quiet bool
		code  int
		want  string
	}{
		{nil, false, 0, ""},
		{exit(7), false, 7, ""},
		{core.Faultf(69, "no node"), false, 69, "hb: no node\n"},
		{core.Faultf(69, "no node").WithHint("start one"), false, 69, "hb: no node\nhint: start one\n"},
		{core.Faultf(69, "no node").WithHint("start one"), true, 69, ""},
		{usage("what?"), true, 64, "hb: what?\n"},
		{core.Faultf(66, "no task \"\x1b[2J\nX\""), false, 66, "hb: no task \"\\x1b[2J\\nX\"\n"},
		{errors.New("odd"), false, 70, "hb: odd\n"},
	} {
		var out strings.Builder
		if code := report(&out, c.err, c.quiet); code != c.code || out.String() != c.want {
			t.Errorf("%v: code %d, %q; want %d, %q", c.err, code, out.String(), c.code, c.want)
		}
	}
}

func TestAShellReadsACommandLineAsTheSameWords(t *testing.T) {
	for want, argv := range map[string][]string{
		"ls -l":                    {"ls", "-l"},
		"echo 'two words' ''":      {"echo", "two words", ""},
		`echo 'it'\''s' '$HOME;'`:  {"echo", "it's", "$HOME;"},
		"env A=b '~' '*' /x/y_z.1": {"env", "A=b", "~", "*", "/x/y_z.1"},
	} {
		if got := commandLine(argv); got != want {
			t.Errorf("%q: %s, want %s", argv, got, want)
		}
	}
}

func TestAScriptIsReadByItsInterpreter(t *testing.T) {
	for script, want := range map[string]string{
		"echo":                       "/bin/sh",
		"#!/bin/bash\necho":          "/bin/bash",
		"#! /bin/bash -eu \necho":    "/bin/bash -eu",
		"#!/usr/bin/env python3":     "/usr/bin/env python3",
		"#!/usr/bin/env -S awk -f\n": "/usr/bin/env -S awk -f",
		"#!\n":                       "/bin/sh",
	} {
		if got := strings.Join(interpreter(script), " "); got != want {
			t.Errorf("%q: %q, want %q", script, got, want)
		}
	}
}

// FuzzArrange holds that no line makes it panic, and that a line that was
// arranged stays as it is.
func FuzzArrange(f *testing.F) {
	for _, line := range []string{"members a --json", "submit X -- -q", "task show -o json X", "-q", "--", "-", "events -fqo", "leader transfer"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		once, err := arrange(App(""), append([]string{"hb"}, strings.Split(line, " ")...))
		if err != nil {
			return
		}
		twice, err := arrange(App(""), once.args)
		if err != nil {
			t.Fatalf("%q became %q, which is refused: %v", line, once.args, err)
		}
		// The "--" of the first time is the user's own at the second.
		i := slices.Index(twice.args, "--")
		if i < 0 || !slices.Equal(slices.Delete(twice.args, i, i+1), once.args) {
			t.Errorf("%q became %q and then %q", line, once.args, twice.args)
		}
	})
}
