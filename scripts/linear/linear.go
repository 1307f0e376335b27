// Package linear judges histories: is there an order of everything that clients
// saw, one thing after the other, that explains all answers and contradicts no
// clock? (Herlihy and Wing, Linearizability, 1990.) The search is porcupine's; the
// model is what hb promises:
//
//   - a task is submitted before it is seen, and a reading shows no less than any
//     reading before it: attempts only grow, and a final status is final;
//   - a --key names one task: whoever submits with it later gets the first one;
//   - what is appended to the log comes after all that was appended before;
//   - the term of a confirmed leader never goes back.
//
// Each task, each key, the log and the leader is an object of its own: a history
// is linearizable if those of its objects are (locality, theorem 1 there), which
// keeps the search short.
//
// Histories come from the simulator (scripts/seeds judges every seed) and from
// real processes (scripts/cluster).
package linear

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Action is what an operation does to its object.
type Action int

// The actions.
const (
	Submit Action = iota // a task; or a task under a key, answered by the task that has it
	Read                 // a task's progress
	Append               // to the log, answered by the index
	Lead                 // a reading of the leader's term
)

// Forever is the Return of an operation that was never answered: it may take
// effect at any time after its Call, or not at all.
const Forever = time.Duration(1<<63 - 1)

// Operation is one thing that somebody did to one object, and what he was told.
type Operation struct {
	Object string
	Do     Action
	// Call and Return are when it began and when its answer was there, on one
	// clock for all operations of a history.
	Call, Return time.Duration
	// Task is what a Submit wished to be there; under a key (Keyed), Got is the
	// task that has it.
	Task, Got string
	Keyed     bool
	// Progress is what a Read showed; Number the index or term that was told.
	Progress Progress
	Number   uint64
}

// Progress is how far a task has come.
type Progress struct {
	Known    bool // false: never heard of
	Attempts int
	Final    string // its final status, empty while there is none
}

// state is that of any object; each uses its part.
type state struct {
	progress Progress
	owner    string // of a key
	number   uint64 // last index, or highest term
}

// step says whether an object in a state may answer so, and its next state.
func (s state) step(o Operation) (bool, state) {
	switch o.Do {
	case Submit:
		return s.submit(o)
	case Read:
		p := o.Progress
		if !p.Known || !s.progress.Known {
			return p.Known == s.progress.Known, s
		}
		ok := p.Attempts >= s.progress.Attempts && (s.progress.Final == "" || p.Final == s.progress.Final)
		s.progress = p
		return ok, s
	case Append:
		ok := o.Number > s.number
		s.number = o.Number
		return ok, s
	case Lead:
		ok := o.Number >= s.number
		s.number = o.Number
		return ok, s
	}
	panic(fmt.Sprintf("linear: unknown action %d", o.Do))
}

// submit is a new task; or under a key, perhaps one that is there.
func (s state) submit(o Operation) (bool, state) {
	switch {
	case !o.Keyed:
		s.progress.Known = true
		return true, s
	case s.owner == "" && (o.Got == o.Task || o.Return == Forever):
		s.owner = o.Task
		return true, s
	}
	return s.owner == o.Got || o.Return == Forever, s
}

// patience is how long one object may be searched; a search that takes longer is
// a failure, too, since it has shown nothing.
const patience = time.Minute

// Check is nil when the history is linearizable; else it names an object whose
// answers no order explains, and gives them.
func Check(history []Operation) error {
	objects := map[string][]porcupine.Operation{}
	for _, o := range history {
		objects[o.Object] = append(objects[o.Object], porcupine.Operation{Input: o, Call: int64(o.Call), Return: int64(o.Return)})
	}
	names := make([]string, 0, len(objects))
	for name := range objects {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch porcupine.CheckOperationsTimeout(model(), objects[name], patience) {
		case porcupine.Illegal:
			return fmt.Errorf("no order explains what was seen of %s:\n%s", name, describe(objects[name]))
		case porcupine.Unknown:
			return fmt.Errorf("%s: %d operations were not judged within %s", name, len(objects[name]), patience)
		}
	}
	return nil
}

func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{} },
		Step: func(s, input, _ any) (bool, any) { return s.(state).step(input.(Operation)) },
	}
}

// describe lists the operations on one object, as they began.
func describe(list []porcupine.Operation) string {
	slices.SortStableFunc(list, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var b strings.Builder
	for _, p := range list {
		o := p.Input.(Operation)
		end := o.Return.String()
		if o.Return == Forever {
			end = "never answered"
		}
		fmt.Fprintf(&b, "  %s … %s: ", o.Call, end)
		switch o.Do {
		case Submit:
			fmt.Fprintf(&b, "submitted %s → %s\n", o.Task, o.Got)
		case Read:
			fmt.Fprintf(&b, "seen: %+v\n", o.Progress)
		default:
			fmt.Fprintf(&b, "told %d\n", o.Number)
		}
	}
	return b.String()
}
