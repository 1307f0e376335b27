package sim

import (
	"strings"
	"testing"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// objects wants an error that names something.
func objects(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("want an objection with %q, got %v", want, err)
	}
}

func accepts(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTwoLeadersOfOneTermAreSeen(t *testing.T) {
	var b leaderBook
	accepts(t, b.claim(3, 10))
	accepts(t, b.claim(3, 10))
	accepts(t, b.claim(5, 20))
	accepts(t, b.claim(4, 30))
	objects(t, b.claim(3, 20), "term 3 is led by 000000000000000a and by 0000000000000014")
	if b.latest != 5 {
		t.Fatalf("latest term %d", b.latest)
	}
}

func TestCommittedPrefixesThatDifferAreSeen(t *testing.T) {
	b := logBook{first: 2}
	for i := uint64(2); i < 10; i++ {
		fresh, err := b.see(i, 1+i/5, 100+i)
		accepts(t, err)
		if !fresh {
			t.Fatalf("index %d was told before", i)
		}
	}
	fresh, err := b.see(4, 1, 104)
	accepts(t, err)
	if fresh || b.end() != 9 || b.term() != 2 {
		t.Fatalf("fresh %t, end %d, term %d", fresh, b.end(), b.term())
	}
	_, err = b.see(4, 1, 999)
	objects(t, err, "index 4 is committed as")
	_, err = b.see(4, 2, 104)
	objects(t, err, "index 4 is committed as")
	_, err = b.see(12, 2, 1)
	objects(t, err, "nobody told 10")
	_, err = b.see(10, 1, 1)
	objects(t, err, "of term 1, the one before of term 2")
}

func aTask(status string, attempts ...*wire.Attempt) *wire.Task {
	id := core.TaskID{7}
	t := &wire.Task{Id: id[:], Status: status, Attempts: attempts}
	if ledger.IsFinal(status) {
		t.Final, t.EndedNanos, t.Result = 99, 5, &wire.Result{Exit: 1}
	}
	return t
}

func attempt(n uint32, fence uint64, outcome string) *wire.Attempt {
	return &wire.Attempt{N: n, Fence: fence, Node: 1, Outcome: outcome}
}

func TestWrongHistoriesOfATaskAreSeen(t *testing.T) {
	first, second := attempt(1, 10, ""), attempt(2, 20, "")
	over := attempt(1, 10, ledger.Requeued)
	changed := aTask(ledger.Failed)
	changed.Result.Exit = 0
	for name, c := range map[string]struct {
		history []*wire.Task
		want    string
	}{
		"a final record that becomes another status": {
			[]*wire.Task{aTask(ledger.Succeeded), aTask(ledger.Failed)}, "ended as succeeded"},
		"a final record that becomes another result": {
			[]*wire.Task{aTask(ledger.Failed), changed}, "ended as failed"},
		"a final record that is queued again": {
			[]*wire.Task{aTask(ledger.Unknown), aTask(ledger.Queued)}, "ended as unknown"},
		"two open grants": {
			[]*wire.Task{aTask(ledger.Assigned, first, second)}, "2 open grants"},
		"an older grant that stays open": {
			[]*wire.Task{aTask(ledger.Assigned, first, attempt(2, 20, ledger.Ended))}, "an older grant is open"},
		"a fence that goes back": {
			[]*wire.Task{aTask(ledger.Assigned, attempt(1, 20, ledger.Requeued), attempt(2, 10, ""))}, "with fence 10 follows fence 20"},
		"a number that is left out": {
			[]*wire.Task{aTask(ledger.Assigned, over, attempt(3, 20, ""))}, "attempt 3 with fence 20 follows fence 10"},
		"a fence twice": {
			[]*wire.Task{aTask(ledger.Assigned, over, attempt(2, 10, ""))}, "with fence 10 follows fence 10"},
		"a grant that disappears": {
			[]*wire.Task{aTask(ledger.Assigned, first), aTask(ledger.Queued)}, "had 1 attempts and has 0"},
		"a grant that changes its fence": {
			[]*wire.Task{aTask(ledger.Assigned, first), aTask(ledger.Assigned, attempt(1, 11, ""))}, "was (fence 10"},
		"a grant that opens again": {
			[]*wire.Task{aTask(ledger.Queued, over), aTask(ledger.Assigned, first)}, "was (fence 10"},
		"an end with an open grant": {
			[]*wire.Task{aTask(ledger.Succeeded, first)}, "is succeeded and has an open grant"},
	} {
		t.Run(name, func(t *testing.T) {
			var b taskBook
			last := len(c.history) - 1
			for _, task := range c.history[:last] {
				accepts(t, b.see(task))
			}
			objects(t, b.see(c.history[last]), c.want)
		})
	}
}

func TestTheRightHistoryOfATaskIsAccepted(t *testing.T) {
	var b taskBook
	for _, task := range []*wire.Task{
		aTask(ledger.Queued),
		aTask(ledger.Assigned, attempt(1, 10, "")),
		aTask(ledger.Queued, attempt(1, 10, ledger.Requeued)),
		aTask(ledger.Assigned, attempt(1, 10, ledger.Requeued), attempt(2, 20, "")),
		aTask(ledger.Succeeded, attempt(1, 10, ledger.Requeued), attempt(2, 20, ledger.Ended)),
		aTask(ledger.Succeeded, attempt(1, 10, ledger.Superseded), attempt(2, 20, ledger.Ended)),
		aTask(ledger.Succeeded, attempt(2, 20, ledger.Ended)), // the oldest are dropped
	} {
		accepts(t, b.see(task))
	}
	if g := b.grants[20]; g.attempt != 2 || len(b.grants) != 2 {
		t.Fatalf("%+v", b.grants)
	}
}

func execution(fence core.Fence, host int) *child {
	k := &child{host: host}
	k.Fence, k.Task, k.Attempt = fence, core.TaskID{7}, 1
	return k
}

func TestASecondExecutionOfAGrantIsSeen(t *testing.T) {
	var b runBook
	accepts(t, b.execute(execution(10<<20, 0)))
	accepts(t, b.execute(execution(11<<20, 1)))
	objects(t, b.execute(execution(10<<20, 1)), "is executed on n1")
}

func TestAnExecutionOfWhatWasDisownedIsSeen(t *testing.T) {
	var before, after runBook
	accepts(t, before.execute(execution(10, 0)))
	objects(t, before.disown(10), "is said never to have started and was executed on n1")
	accepts(t, after.disown(10))
	objects(t, after.execute(execution(10, 0)), "was said never to start")
}

func TestASecondRunOfATaskThatRunsOnceIsSeen(t *testing.T) {
	var b runBook
	first, second := execution(10, 0), execution(11, 1)
	first.Spec, second.Spec = &wire.Spec{Once: true}, &wire.Spec{Once: true}
	accepts(t, b.execute(first))
	objects(t, b.execute(second), "is to run once, ran on n1 with fence 10")
}

func TestAnExecutionWithoutAGrantIsSeen(t *testing.T) {
	fence := core.NewFence(10, 3)
	right := grant{task: core.TaskID{7}, attempt: 1, node: 5}
	who := func(host int) core.NodeID { return core.NodeID(5 + host) }
	for name, c := range map[string]struct {
		grants map[core.Fence]grant
		host   int
		fails  bool
	}{
		"granted":                  {map[core.Fence]grant{fence: right}, 0, false},
		"never granted":            {nil, 0, true},
		"granted to another node":  {map[core.Fence]grant{fence: right}, 1, true},
		"another attempt":          {map[core.Fence]grant{fence: {task: right.task, attempt: 2, node: 5}}, 0, true},
		"granted for another task": {map[core.Fence]grant{fence: {attempt: 1, node: 5}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			var b runBook
			accepts(t, b.execute(execution(fence, c.host)))
			accepts(t, b.prove(9, c.grants, who)) // the log is not known that far
			if err := b.prove(10, c.grants, who); (err != nil) != c.fails {
				t.Fatal(err)
			}
		})
	}
}

func TestARecordThatIsNotWhatHappenedIsSeen(t *testing.T) {
	recorded := func(r *wire.Result) *wire.Task {
		return aTask(ledger.Failed, &wire.Attempt{N: 1, Fence: 10, Node: 1, Outcome: ledger.Ended, Result: r})
	}
	for name, c := range map[string]struct {
		process *child
		result  *wire.Result
		want    string
	}{
		"as it was":                {&child{code: 3}, &wire.Result{Exit: 3}, ""},
		"lost, and it had started": {&child{signal: 9}, &wire.Result{Lost: true}, ""},
		"lost before it started":   {nil, &wire.Result{Lost: true}, ""},
		"another exit code":        {&child{code: 3}, &wire.Result{}, "as (exit 0, signal 0) and ended as (3, 0)"},
		"another signal":           {&child{signal: 9}, &wire.Result{Signal: 15}, "ended as (0, 9)"},
		"it runs":                  {&child{alive: true}, &wire.Result{}, "and runs"},
		"lost, and it runs":        {&child{alive: true}, &wire.Result{Lost: true}, "and runs"},
		"it never ran":             {nil, &wire.Result{}, "never ran"},
	} {
		t.Run(name, func(t *testing.T) {
			b := runBook{runs: map[core.Fence]*child{}}
			if c.process != nil {
				b.runs[10] = c.process
			}
			if err := b.confirm(recorded(c.result)); c.want == "" {
				accepts(t, err)
			} else {
				objects(t, err, c.want)
			}
		})
	}
}

func TestAnAcknowledgedNoteThatIsNotInTheLogIsSeen(t *testing.T) {
	nothing := func(core.TaskID) *wire.Task { return nil }
	var b promiseBook
	accepts(t, b.keep(promise{index: 5, note: "kept"}))
	accepts(t, b.keep(promise{index: 6, note: "lost"}))
	accepts(t, b.check(4, nothing))
	b.told(5, []byte("kept"))
	accepts(t, b.check(5, nothing))
	b.told(6, []byte("another"))
	objects(t, b.check(6, nothing), `"lost" was acknowledged at index 6`)
}

func TestAnAcknowledgedTaskThatIsNotInTheLogIsSeen(t *testing.T) {
	id := core.TaskID{7}
	var b promiseBook
	accepts(t, b.keep(promise{index: 5, task: id}))
	accepts(t, b.check(5, func(core.TaskID) *wire.Task { return &wire.Task{Index: 5} }))
	accepts(t, b.keep(promise{index: 5, task: id}))
	objects(t, b.check(5, func(core.TaskID) *wire.Task { return nil }), "the log has it at 0")
}

func TestAKeyThatNamesTwoTasksIsSeen(t *testing.T) {
	var b promiseBook
	accepts(t, b.keep(promise{index: 5, task: core.TaskID{1}, key: "k"}))
	accepts(t, b.keep(promise{index: 5, task: core.TaskID{1}, key: "k"}))
	objects(t, b.keep(promise{index: 9, task: core.TaskID{2}, key: "k"}), `key "k" names task`)
}

func TestAReadingOfThePastIsSeen(t *testing.T) {
	var b readBook
	accepts(t, b.leader(glance{term: 4}, 4))
	objects(t, b.leader(glance{term: 4}, 3), "term 3 was confirmed")
	if b.confirmed != 4 {
		t.Fatalf("confirmed %d", b.confirmed)
	}
	accepts(t, b.written(glance{end: 9}, 10))
	objects(t, b.written(glance{end: 9}, 9), "which was taken when it was asked for")
	id := core.TaskID{7}
	had := glance{task: aTask(ledger.Assigned, attempt(1, 10, ""))}
	ended := glance{task: aTask(ledger.Failed, attempt(1, 10, ledger.Ended))}
	accepts(t, b.task(glance{}, id, nil, true))
	accepts(t, b.task(had, id, nil, false)) // no answer at all
	accepts(t, b.task(had, id, ended.task, false))
	objects(t, b.task(had, id, nil, true), "never to have been heard of")
	objects(t, b.task(had, id, aTask(ledger.Queued), false), "had 1 attempts")
	objects(t, b.task(ended, id, had.task, false), "had ended as failed")
}
