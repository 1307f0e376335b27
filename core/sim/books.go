package sim

import (
	"fmt"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// This file is the invariants, each as a book that is shown what happens and
// objects. Books know nothing of nodes or of each other, so that a test can
// show each a violation.

// leaderBook holds who led each term (Raft, figure 3: election safety).
type leaderBook struct {
	terms map[uint64]uint64
	// latest is the highest term that anybody claimed.
	latest uint64
}

// claim is one node acting as leader of a term.
func (b *leaderBook) claim(term, who uint64) error {
	if b.terms == nil {
		b.terms = map[uint64]uint64{}
	}
	if other, ok := b.terms[term]; ok && other != who {
		return fmt.Errorf("term %d is led by %016x and by %016x", term, other, who)
	}
	b.terms[term] = who
	b.latest = max(b.latest, term)
	return nil
}

// logBook holds the committed log as nodes told it (figure 3: state machine
// safety): term and checksum of each index from first on.
type logBook struct {
	first   uint64
	entries []logged
}

type logged struct {
	term, sum uint64
}

// end is the last index in the book, 0 while it is empty.
func (b *logBook) end() uint64 {
	if b.first == 0 {
		return 0
	}
	return b.first + uint64(len(b.entries)) - 1
}

// see is one node telling one committed entry; fresh says that nobody told it
// before.
func (b *logBook) see(index, term, sum uint64) (fresh bool, err error) {
	if len(b.entries) == 0 && b.first == 0 {
		b.first = index
	}
	switch at := index - b.first; {
	case index < b.first:
		return false, nil // of the genesis
	case at < uint64(len(b.entries)):
		if is := b.entries[at]; is != (logged{term, sum}) {
			return false, fmt.Errorf("index %d is committed as (term %d, sum %016x) and as (term %d, sum %016x)",
				index, is.term, is.sum, term, sum)
		}
		return false, nil
	case at > uint64(len(b.entries)):
		return false, fmt.Errorf("index %d was told, but nobody told %d", index, b.end()+1)
	}
	if n := len(b.entries); n > 0 && b.entries[n-1].term > term {
		return false, fmt.Errorf("index %d is of term %d, the one before of term %d", index, term, b.entries[n-1].term)
	}
	b.entries = append(b.entries, logged{term, sum})
	return true, nil
}

// term is the term of the last entry.
func (b *logBook) term() uint64 {
	if len(b.entries) == 0 {
		return 0
	}
	return b.entries[len(b.entries)-1].term
}

// taskBook holds what the agreed ledger said of each task last.
type taskBook struct {
	tasks map[core.TaskID]*wire.Task
	// grants are all attempts there ever were, by fence.
	grants map[core.Fence]grant
}

type grant struct {
	task    core.TaskID
	attempt uint32
	node    core.NodeID
}

// see is a task's record as it stands after an entry.
func (b *taskBook) see(t *wire.Task) error {
	if b.tasks == nil {
		b.tasks, b.grants = map[core.TaskID]*wire.Task{}, map[core.Fence]grant{}
	}
	id := core.TaskID(t.Id)
	before := b.tasks[id]
	b.tasks[id] = t
	if err := b.attempts(id, before, t); err != nil {
		return err
	}
	if before == nil || !ledger.IsFinal(before.Status) {
		return nil
	}
	if t.Status != before.Status || t.Final != before.Final || t.EndedNanos != before.EndedNanos ||
		string(wire.Marshal(orEmpty(t.Result))) != string(wire.Marshal(orEmpty(before.Result))) {
		return fmt.Errorf("task %s ended as %s at %d and then as %s at %d", id, before.Status, before.Final, t.Status, t.Final)
	}
	return nil
}

func orEmpty(r *wire.Result) *wire.Result {
	if r == nil {
		return &wire.Result{}
	}
	return r
}

// attempts checks the grants of a task against what they were. The ledger may
// drop the oldest; those that are left keep their numbers.
func (b *taskBook) attempts(id core.TaskID, before, t *wire.Task) error {
	was := map[uint32]*wire.Attempt{}
	for _, a := range before.GetAttempts() {
		was[a.N] = a
	}
	if n := lastAttempt(before).GetN(); n > lastAttempt(t).GetN() {
		return fmt.Errorf("task %s had %d attempts and has %d", id, n, lastAttempt(t).GetN())
	}
	open, last := 0, uint64(0)
	for i, a := range t.Attempts {
		if a.Fence <= last || i > 0 && a.N != t.Attempts[i-1].N+1 {
			return fmt.Errorf("task %s: attempt %d with fence %d follows fence %d", id, a.N, a.Fence, last)
		}
		last = a.Fence
		if a.Outcome == "" {
			open++
		}
		old := was[a.N]
		if old != nil && (old.Fence != a.Fence || old.Node != a.Node || old.Outcome != "" && a.Outcome == "") {
			return fmt.Errorf("task %s: attempt %d was (fence %d, %q) and is (fence %d, %q)",
				id, a.N, old.Fence, old.Outcome, a.Fence, a.Outcome)
		}
		if old == nil {
			b.grants[core.Fence(a.Fence)] = grant{task: id, attempt: a.N, node: core.NodeID(a.Node)}
		}
	}
	switch {
	case open > 1:
		return fmt.Errorf("task %s has %d open grants", id, open)
	case open == 1 && lastAttempt(t).Outcome != "":
		return fmt.Errorf("task %s: an older grant is open and the newest is not", id)
	case open == 1 && ledger.IsFinal(t.Status):
		return fmt.Errorf("task %s is %s and has an open grant", id, t.Status)
	}
	return nil
}

// lastAttempt is the newest grant of a task, nil if it has none.
func lastAttempt(t *wire.Task) *wire.Attempt {
	if n := len(t.GetAttempts()); n > 0 {
		return t.Attempts[n-1]
	}
	return nil
}

// runBook holds every execution, by fence.
type runBook struct {
	runs map[core.Fence]*child
	// unproven are those whose grant nobody has told yet, in order.
	unproven []*child
	// disowned are the grants of which their member said that it had not
	// started them and never would.
	disowned map[core.Fence]bool
	// once are the executions of tasks that may run only once.
	once map[core.TaskID]*child
	// exclusive are the last executions of tasks with a key of their own.
	exclusive map[string]*child
}

// execute is a process that began.
func (b *runBook) execute(k *child) error {
	if b.runs == nil {
		b.runs, b.once = map[core.Fence]*child{}, map[core.TaskID]*child{}
		b.exclusive = map[string]*child{}
	}
	if b.disowned[k.Fence] {
		return fmt.Errorf("fence %d of task %s was said never to start and is executed on n%d", k.Fence, k.Task, k.host+1)
	}
	if other, ok := b.once[k.Task]; ok {
		return fmt.Errorf("task %s is to run once, ran on n%d with fence %d and runs on n%d with fence %d",
			k.Task, other.host+1, other.Fence, k.host+1, k.Fence)
	}
	if key := k.Spec.GetExclusive(); key != "" {
		if other, ok := b.exclusive[key]; ok && other.alive {
			return fmt.Errorf("%q is held by task %s on n%d since %s, and task %s begins on n%d",
				key, other.Task, other.host+1, other.begin, k.Task, k.host+1)
		}
		b.exclusive[key] = k
	}
	if k.Spec.GetOnce() {
		b.once[k.Task] = k
	}
	if other, ok := b.runs[k.Fence]; ok {
		return fmt.Errorf("fence %d of task %s is executed on n%d at %s and on n%d at %s",
			k.Fence, k.Task, other.host+1, other.begin, k.host+1, k.begin)
	}
	b.runs[k.Fence] = k
	b.unproven = append(b.unproven, k)
	return nil
}

// disown is a member's word that it has not started a grant and never will.
func (b *runBook) disown(fence core.Fence) error {
	if b.disowned == nil {
		b.disowned = map[core.Fence]bool{}
	}
	b.disowned[fence] = true
	if k, ok := b.runs[fence]; ok {
		return fmt.Errorf("fence %d of task %s is said never to have started and was executed on n%d at %s",
			fence, k.Task, k.host+1, k.begin)
	}
	return nil
}

// prove looks for the grants of executions, as far as the log is known; whoAt
// gives the identity of a host's node, zero while it is not known.
func (b *runBook) prove(end uint64, grants map[core.Fence]grant, whoAt func(host int) core.NodeID) error {
	rest := b.unproven[:0]
	for _, k := range b.unproven {
		if k.Fence.Index() > end {
			rest = append(rest, k)
			continue
		}
		g, ok := grants[k.Fence]
		who := whoAt(k.host)
		if !ok || g.task != k.Task || g.attempt != k.Attempt || who != 0 && g.node != who {
			return fmt.Errorf("n%d (%s) executes attempt %d of task %s with fence %d; the log has granted %+v",
				k.host+1, who, k.Attempt, k.Task, k.Fence, g)
		}
	}
	b.unproven = rest
	return nil
}

// confirm checks that what the log records of a task's attempts is what their
// processes did: none counts while it runs, and none as what another did.
func (b *runBook) confirm(t *wire.Task) error {
	for _, a := range t.Attempts {
		r := a.Result
		if r == nil {
			continue
		}
		k := b.runs[core.Fence(a.Fence)]
		switch {
		case k != nil && k.alive:
			return fmt.Errorf("task %s: attempt %d is recorded as ended (%v) and runs", core.TaskID(t.Id), a.N, r)
		case r.Lost || r.Cancelled || r.TimedOut:
		case k == nil:
			return fmt.Errorf("task %s: attempt %d is recorded as ended (%v) and never ran", core.TaskID(t.Id), a.N, r)
		case k.code != r.Exit || k.signal != r.Signal:
			return fmt.Errorf("task %s: attempt %d is recorded as (exit %d, signal %d) and ended as (%d, %d)",
				core.TaskID(t.Id), a.N, r.Exit, r.Signal, k.code, k.signal)
		}
	}
	return nil
}

// promise is what a node acknowledged: it must stand in the log.
type promise struct {
	index uint64
	note  string      // of a note
	task  core.TaskID // of a submit
	key   string
}

// promiseBook holds what was acknowledged and not yet found in the log.
type promiseBook struct {
	open  []promise
	notes map[uint64]string // by index, as the log has them
	keys  map[string]core.TaskID
}

// keep notes a promise, and objects when a --key names two tasks.
func (b *promiseBook) keep(p promise) error {
	b.open = append(b.open, p)
	if p.key == "" {
		return nil
	}
	if b.keys == nil {
		b.keys = map[string]core.TaskID{}
	}
	if first, ok := b.keys[p.key]; ok && first != p.task {
		return fmt.Errorf("key %q names task %s and task %s", p.key, first, p.task)
	}
	b.keys[p.key] = p.task
	return nil
}

// told is a note that stands in the log.
func (b *promiseBook) told(index uint64, note []byte) {
	if b.notes == nil {
		b.notes = map[uint64]string{}
	}
	b.notes[index] += string(note) + "\n"
}

// check looks for what was promised, as far as the log is known.
func (b *promiseBook) check(end uint64, taskAt func(core.TaskID) *wire.Task) error {
	rest := b.open[:0]
	for _, p := range b.open {
		switch {
		case p.index > end:
			rest = append(rest, p)
		case p.task.IsZero() && b.notes[p.index] != p.note+"\n":
			return fmt.Errorf("%q was acknowledged at index %d, which holds %q", p.note, p.index, b.notes[p.index])
		case !p.task.IsZero() && taskAt(p.task).GetIndex() != p.index:
			return fmt.Errorf("task %s was acknowledged at index %d; the log has it at %d", p.task, p.index, taskAt(p.task).GetIndex())
		}
	}
	b.open = rest
	return nil
}
