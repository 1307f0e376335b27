package commands

import (
	"fmt"
	"strings"
	"time"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
	"hb/core/runner"
)

// tailLength is how much of the end of each stream a task's record keeps.
const tailLength = 4 << 10

// tails remembers the end of what was printed, to see in the end whether it was
// all: a member keeps a bounded amount of an attempt's output, and goes on.
type tails struct {
	attempt uint32
	gaps    uint64            // bytes of it that were missing on the way
	ends    map[string][]byte // by stream
}

// add takes a piece of output.
func (t *tails) add(piece *control.Output) {
	if piece.Attempt != t.attempt || t.ends == nil {
		t.attempt, t.gaps, t.ends = piece.Attempt, 0, map[string][]byte{}
	}
	t.gaps += piece.Gap
	end := append(t.ends[piece.Stream], piece.Data...)
	t.ends[piece.Stream] = append([]byte(nil), end[max(0, len(end)-tailLength):]...)
}

// missing says whether the task printed something after that.
func (t *tails) missing(task *control.Task) bool {
	if task.Result == nil {
		return false
	}
	lacks := func(stream, kept string) bool {
		printed := strings.ToValidUTF8(string(t.ends[stream]), "\uFFFD")
		return !strings.HasSuffix(printed, strings.TrimLeft(kept, "\uFFFD")) // a cut may have split a letter
	}
	return lacks("stdout", task.Result.StdoutTail) || lacks("stderr", task.Result.StderrTail)
}

// whole says whether all that the task printed, in its last attempt, was printed here.
func (t *tails) whole(task *control.Task) bool {
	return task == nil || t.gaps == 0 && !t.missing(task)
}

// verdictOn is the verdict on a task, but for one that has succeeded and whose output
// did not all get here: a shell that reads it has to notice.
func verdictOn(task *control.Task, whole bool) error {
	if err := verdict(task); err != nil || whole {
		return err
	}
	return core.Faultf(core.CodeTaskLost, "task %s succeeded, but some of its output is missing here", task.ID).
		WithHint("have it write what is long to a file or straight to where it belongs")
}

// complete prints what is missing where the record has it: all of a short output is
// there, though its member's disk was full or has kept it no longer.
func (t *tails) complete(task *control.Task, print func(*control.Output) error) error {
	if task == nil || !t.missing(task) {
		return nil
	}
	last := t.attempt
	if n := len(task.Attempts); n > 0 {
		last = task.Attempts[n-1].N
	}
	if last != t.attempt {
		t.ends = nil // what was printed is an earlier attempt's
	}
	for _, kept := range []struct{ stream, text string }{
		{"stdout", task.Result.StdoutTail}, {"stderr", task.Result.StderrTail},
	} {
		rest, is := strings.CutPrefix(kept.text, string(t.ends[kept.stream]))
		whole := len(kept.text) < tailLength && !strings.Contains(kept.text, "\uFFFD") // which stands for other bytes
		if !is || rest == "" || !whole {
			continue
		}
		if err := print(&control.Output{Attempt: last, Stream: kept.stream, Data: []byte(rest)}); err != nil {
			return err
		}
	}
	return nil
}

// warn tells a person that the output is not all there.
func (t *tails) warn(c *call, task *control.Task) {
	if task == nil || c.quiet || !t.missing(task) {
		return
	}
	fmt.Fprintf(c.stderr, "hb: the end of the output of task %s is missing: %s\nhint: hb task show %s has the last lines\n", task.ID, render.Safe(whyMissing(task, time.Now())), task.ID)
}

// whyMissing says what became of output that is not there any more.
func whyMissing(task *control.Task, now time.Time) string {
	switch {
	case task.Result.OutputLost != nil:
		return "its member could not keep it: " + *task.Result.OutputLost
	case task.Ended != nil && now.Sub(*task.Ended) >= runner.SpoolFor:
		return fmt.Sprintf("it has expired: members keep output for %.0f minutes after the end", runner.SpoolFor.Minutes())
	}
	return "its member has kept no more"
}
