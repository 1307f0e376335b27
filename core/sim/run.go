package sim

import (
	"fmt"
	"time"

	"hb/core"
	"hb/core/dispatch"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// Report says what a run came to.
type Report struct {
	Seed uint64
	// Hash sums up everything that happened; equal seeds, equal hashes.
	Hash uint64
	// Steps is how often any node was stepped, Faults how much went wrong,
	// Starts how often a node was started.
	Steps  uint64
	Faults int
	Starts int
	// Entries is the length of the agreed log, Tasks how many were submitted
	// and acknowledged, Executions how many processes ran.
	Entries           uint64
	Tasks, Executions int
	// Terms is how many terms had a leader.
	Terms int
}

// settling is how much of the quiet time clients still begin new things in.
const settling = 3

// Run simulates one seed. The error is a *Violation when an invariant broke.
func Run(o Options) (Report, error) {
	o.Sealed = o.Sealed || o.Seed%3 == 0
	w := New(o)
	defer w.Close()
	return w.run()
}

func (w *World) run() (Report, error) {
	o := w.options
	quiet := o.Time - o.Quiet
	luck := w.chance("start")
	for i := range w.hosts {
		w.after(time.Duration(luck.Int64N(int64(500*time.Millisecond))), func() { w.Restart(i) })
	}
	w.crowd = newCrowd(w)
	w.after(time.Second, func() { w.crowd.enter(o.Clients) })
	w.lockers = newLockers(w)
	w.after(time.Second, func() { w.lockers.enter(o.Clients / 2) })
	w.after(2*time.Second, func() { w.chaos = newChaos(w, o.Faults, quiet) })
	w.after(quiet, func() { w.calm() })
	w.after(quiet+drainsEnd, func() { w.crowd.resumeAll() })
	w.after(quiet+o.Quiet/settling, func() { w.crowd.closed, w.lockers.closed = true, true })
	if err := w.For(o.Time); err != nil {
		return w.report(), err
	}
	w.finish()
	return w.report(), w.Err()
}

// calm ends what may still go wrong.
func (w *World) calm() {
	w.crowd.calm = true
	w.Heal()
	w.SetNetwork(w.network.was)
	for i, h := range w.hosts {
		w.SlowDisk(i, 1)
		w.FreeDisk(i)
		h.resume()
		w.Restart(i)
	}
}

func (w *World) report() Report {
	r := Report{
		Seed: w.options.Seed, Hash: w.Hash(), Steps: w.steps, Entries: uint64(len(w.referee.log.entries)),
		Executions: len(w.referee.runs.runs), Terms: len(w.referee.leaders.terms),
	}
	if w.chaos != nil {
		r.Faults = w.chaos.count
	}
	if w.crowd != nil {
		r.Tasks = len(w.crowd.tasks)
	}
	for _, h := range w.hosts {
		r.Starts += h.life
	}
	return r
}

// patience is how much longer than Time a run may go on while tasks are still
// open: one that has lost its member many times waits long for its next turn.
const patience = dispatch.RetryMost + 15*time.Second

// idle says whether nothing is under way any more.
func (w *World) idle() bool {
	if len(w.crowd.doing) > 0 || len(w.referee.promises.open) > 0 {
		return false
	}
	for _, id := range w.crowd.tasks {
		if !ledger.IsFinal(w.referee.task(id).GetStatus()) {
			return false
		}
	}
	return true
}

// finish checks what must hold once everything is healed and quiet: liveness
// and agreement.
func (w *World) finish() {
	w.Until(w.idle, patience)
	w.eachEnded()
	w.noLockIsLeft()
	for _, client := range sortedKeys(w.crowd.doing) {
		w.fail("every client has its answer", "client %d still waits for its %s", client, w.crowd.doing[client])
	}
	if n := len(w.referee.promises.open); n > 0 {
		w.fail("what was acknowledged is in the log", "%d of it are beyond the end %d: %+v",
			n, w.referee.log.end(), w.referee.promises.open[0])
	}
	if w.referee.ledger != nil {
		w.referee.check("the ledger is sound", ledger.Check(w.referee.ledger))
	}
	if n := len(w.referee.runs.unproven); n > 0 {
		w.fail("every execution had a grant", "%d have none: fence %d", n, w.referee.runs.unproven[0].Fence)
	}
	w.agree()
}

// eachEnded checks that every acknowledged task has ended.
func (w *World) eachEnded() {
	for _, id := range w.crowd.tasks {
		t := w.referee.task(id)
		if t == nil {
			w.fail("no acknowledged task is lost", "task %s is not in the log", id)
		} else if !ledger.IsFinal(t.Status) {
			w.fail("every acknowledged task ends", "task %s is %s: %v", id, t.Status, t)
		}
	}
}

// noLockIsLeft checks that no lock outlives those who wanted it.
func (w *World) noLockIsLeft() {
	left := func() []*wire.Lock {
		if w.referee.ledger == nil {
			return nil
		}
		return w.referee.ledger.Locks()
	}
	w.Until(func() bool { return len(left()) == 0 }, patience)
	for _, l := range left() {
		w.fail("no lock outlives its clients", "lock %s is there: %v", l.Name, l.Sessions)
	}
}

// caughtUp is how long a node may take, in quiet times, to follow the log.
const caughtUp = 5 * time.Second

// agree asks every node who leads and what it has, and compares.
func (w *World) agree() {
	w.followed()
	leaders := w.askAll(node.GetLeader{})
	lists := w.askAll(node.ListTasks{})
	if w.broken != nil {
		return
	}
	agreed, _, _ := w.referee.ledger.Page(ledger.Query{})
	want := digestTasks(agreed)
	first, _ := leaders[0].(node.LeaderView)
	for i, h := range w.hosts {
		view, ok := leaders[i].(node.LeaderView)
		if !ok || view.ID != first.ID || view.Term != first.Term || !view.Confirmed {
			w.fail("one leader in quiet times", "%s says %+v, %s says %+v", w.hosts[0].name, leaders[0], h.name, leaders[i])
		}
		list, _ := lists[i].(node.TasksView)
		if digestTasks(list.Tasks) != want {
			w.fail("all nodes agree in quiet times", "%s: its tasks differ from the agreed ledger's: %s",
				h.name, firstDifference(list.Tasks, agreed))
		}
	}
	for _, t := range agreed {
		if t.Elements > 0 {
			w.agreeOnElements(core.TaskID(t.Id))
		}
	}
}

// agreeOnElements compares what no list holds.
func (w *World) agreeOnElements(parent core.TaskID) {
	agreed := w.referee.ledger.Elements(parent)
	want := digestTasks(agreed)
	for i, answer := range w.askAll(node.ListElements{Task: parent}) {
		if view, _ := answer.(node.TasksView); w.broken == nil && digestTasks(view.Tasks) != want {
			w.fail("all nodes agree in quiet times", "%s: the elements of its task %v differ from the agreed ledger's: %s",
				w.hosts[i].name, parent, firstDifference(view.Tasks, agreed))
		}
	}
}

// askAll asks all nodes one thing and gives their answers, host by host.
func (w *World) askAll(body node.Request) []any {
	calls, answers := make([]*Call, len(w.hosts)), make([]any, len(w.hosts))
	for i := range w.hosts {
		calls[i] = w.Ask(i, body)
	}
	err := w.Until(func() bool {
		for i, c := range calls {
			if answers[i] = c.Answer(); !c.Done {
				return false
			}
		}
		return true
	}, caughtUp)
	if err != nil {
		w.fail("every node answers in quiet times", "%T: %v", body, err)
	}
	return answers
}

// followed waits until every node has the whole log.
func (w *World) followed() {
	behind := ""
	end := w.now + caughtUp
	for w.broken == nil && w.now < end {
		behind = ""
		for i, answer := range w.askAll(node.GetStatus{}) {
			if s, _ := answer.(node.StatusView); s.Applied < w.referee.log.end() {
				behind = fmt.Sprintf("%s has applied %d of %d", w.hosts[i].name, s.Applied, w.referee.log.end())
			}
		}
		if behind == "" {
			return
		}
		w.For(100 * time.Millisecond)
	}
	w.fail("every node follows the log in quiet times", "after %s %s", caughtUp, behind)
}

func digestTasks(tasks []*wire.Task) string {
	var all []byte
	for _, t := range tasks {
		all = append(all, wire.Marshal(t)...)
	}
	return string(all)
}

func firstDifference(a, b []*wire.Task) string {
	for i := range min(len(a), len(b)) {
		if string(wire.Marshal(a[i])) != string(wire.Marshal(b[i])) {
			return fmt.Sprintf("task %s: %v and %v", core.TaskID(a[i].Id), a[i], b[i])
		}
	}
	return fmt.Sprintf("%d tasks and %d", len(a), len(b))
}
