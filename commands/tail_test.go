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
