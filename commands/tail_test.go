package commands

import (
	"strings"
	"testing"
	"time"

	"hb/core/control"
)

func TestMissingOutputIsNoticed(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for name, c := range map[string]struct {
		stdout, stderr, out, err string
		missing                  bool
	}{
		"nothing was said":             {},
		"all is there":                 {"a\n", "b\n", "a\n", "b\n", false},
		"the end of one stream is not": {"a\n", "", "a\n", "b\n", true},
		"the end of both is not":       {long, "", "END\n", "END\n", true},
		"only the end is kept":         {long, "", long[len(long)-tailLength:], "", false},
		"and less of it later":         {long, "", long[len(long)-100:], "", false},
		"a letter was cut in two":      {"größe", "", "\uFFFD\uFFFDße", "", false},
		"it is no text":                {"x\xff\xfe", "", "\uFFFD", "", false},
		"no record of it is left":      {long, "", "", "", false},
	} {
		tail := tails{}
		tail.add(&control.Output{Attempt: 1, Stream: "stdout", Data: []byte("an earlier attempt's")})
		for i := 0; i < len(c.stdout); i += 999 {
			tail.add(&control.Output{Attempt: 2, Stream: "stdout", Data: []byte(c.stdout[i:min(i+999, len(c.stdout))])})
		}
		tail.add(&control.Output{Attempt: 2, Stream: "stderr", Data: []byte(c.stderr)})
		task := &control.Task{Result: &control.Result{StdoutTail: c.out, StderrTail: c.err}}
		if got := tail.missing(task); got != c.missing {
			t.Errorf("%s: missing %v", name, got)
		}
	}
	if (&tails{}).missing(&control.Task{}) {
		t.Error("a task that has not ended misses output")
	}
}

func TestAShortOutputIsCompletedFromTheRecord(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for name, c := range map[string]struct {
		stdout, stderr, keptOut, keptErr string // what was printed, what the record has
		more                             string
	}{
		"all is there":                   {"a\n", "b\n", "a\n", "b\n", ""},
		"nothing is there":               {"", "", "a\n", "b\n", "stdout a\nstderr b\n"},
		"the end is not":                 {"a\n", "", "a\nb\n", "", "stdout b\n"},
		"it is longer than the record":   {"", "", long[:tailLength], "", ""},
		"it is long, and its end is not": {long, "", "END\n", "", ""},
		"it is no text":                  {"", "", "\uFFFD", "", ""},
		"no record of it is left":        {"", "", "", "", ""},
	} {
		var tail tails
		tail.add(&control.Output{Attempt: 1, Stream: "stdout", Data: []byte("an earlier attempt's")})
		if c.stdout+c.stderr != "" {
			tail.add(&control.Output{Attempt: 2, Stream: "stdout", Data: []byte(c.stdout)})
			tail.add(&control.Output{Attempt: 2, Stream: "stderr", Data: []byte(c.stderr)})
		}
		task := &control.Task{
			Attempts: []control.Attempt{{N: 1}, {N: 2}},
			Result:   &control.Result{StdoutTail: c.keptOut, StderrTail: c.keptErr},
		}
		more := ""
		if err := tail.complete(task, func(piece *control.Output) error {
			tail.add(piece)
			more += piece.Stream + " " + string(piece.Data)
			return nil
		}); err != nil || more != c.more {
			t.Errorf("%s: %q more, %v", name, more, err)
		}
		if tail.missing(task) && c.more != "" {
			t.Errorf("%s: something is missing still", name)
		}
	}
	if err := (&tails{}).complete(&control.Task{}, nil); err != nil {
		t.Error(err)
	}
}

func TestOutputThatHasExpiredIsCalledSo(t *testing.T) {
	now, reason := time.Now(), "no space left on device"
	long := now.Add(-2 * time.Hour)
	for want, task := range map[string]*control.Task{
		"it has expired":                      {Ended: &long, Result: &control.Result{}},
		"its member could not keep it: no sp": {Ended: &long, Result: &control.Result{OutputLost: &reason}},
		"its member has kept no more":         {Ended: &now, Result: &control.Result{}},
	} {
		if got := whyMissing(task, now); !strings.HasPrefix(got, want) {
			t.Errorf("it says %q, not %q", got, want)
		}
	}
}
