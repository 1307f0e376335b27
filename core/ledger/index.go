package ledger

import (
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// index is the task records and the ways to find them. Each entry is in byID
// and all; besides, as its status says, in queued, or in granted and on, or in
// ended.
type index struct {
	byID    map[core.TaskID]*entry
	keys    map[string]*entry
	all     line // by order
	queued  line // by order
	ended   line // by final; without elements
	granted map[core.Fence]*entry
	holders map[string]*entry // by exclusive key: who has an open grant
	on      map[core.NodeID]map[core.Fence]*entry

	openBytes, endedBytes int
	finals                int // records of what has ended, elements too
	// keeps counts the tasks with a --keep of so many nanoseconds.
	keeps map[int64]int
}

// entry holds the current record of a task; the record is replaced, never
// changed.
type entry struct {
	task *wire.Task
	size int
	out  int // of a parent: its elements with an open grant
}

// sizeOf is what a record takes. Elements share the spec of their parent.
func sizeOf(t *wire.Task) int {
	size := proto.Size(t)
	if len(t.Parent) > 0 {
		size -= proto.Size(t.Spec)
	}
	return size
}

func newIndex() index {
	return index{
		byID:    map[core.TaskID]*entry{},
		keys:    map[string]*entry{},
		all:     line{key: func(e *entry) place { return submitPlace(e.task) }},
		queued:  line{key: func(e *entry) place { return submitPlace(e.task) }},
		ended:   line{key: func(e *entry) place { return endPlace(e.task) }},
		granted: map[core.Fence]*entry{},
		holders: map[string]*entry{},
		on:      map[core.NodeID]map[core.Fence]*entry{},
		keeps:   map[int64]int{},
	}
}

// add takes in a new task.
func (x *index) add(t *wire.Task) {
	e := &entry{task: t, size: sizeOf(t)}
	x.byID[core.TaskID(t.Id)] = e
	if t.Spec.Key != "" && t.N == 0 {
		x.keys[t.Spec.Key] = e
	}
	if keep := t.Spec.KeepNanos; keep > 0 && t.N == 0 {
		x.keeps[keep]++
	}
	x.all.insert(e)
	x.place(e)
}

// leastKeep is the shortest --keep there is.
func (x *index) leastKeep() int64 {
	least := int64(math.MaxInt64)
	for keep := range x.keeps { // the least is the least in any order
		least = min(least, keep)
	}
	return least
}

// set puts a new record in the place of a task's old one.
func (x *index) set(e *entry, t *wire.Task) {
	x.unplace(e)
	e.task, e.size = t, sizeOf(t)
	x.place(e)
}

// drop forgets a task.
func (x *index) drop(e *entry) {
	x.unplace(e)
	x.all.remove(e)
	delete(x.byID, core.TaskID(e.task.Id))
	if key := e.task.Spec.Key; key != "" && e.task.N == 0 {
		delete(x.keys, key)
	}
	if keep := e.task.Spec.KeepNanos; keep > 0 && e.task.N == 0 {
		if x.keeps[keep]--; x.keeps[keep] == 0 {
			delete(x.keeps, keep)
		}
	}
}

// place enters a record where its status belongs.
func (x *index) place(e *entry) {
	switch {
	case IsFinal(e.task.Status):
		if e.task.N == 0 { // elements go with their parent
			x.ended.insert(e)
		}
		x.finals++
		x.endedBytes += e.size
		return
	case isParent(e.task):
	case e.task.Status == Queued:
		x.queued.insert(e)
	default:
		a := OpenAttempt(e.task)
		f, node := core.Fence(a.Fence), core.NodeID(a.Node)
		x.granted[f] = e
		if key := e.task.Spec.Exclusive; key != "" {
			x.holders[key] = e
		}
		if x.on[node] == nil {
			x.on[node] = map[core.Fence]*entry{}
		}
		x.on[node][f] = e
		x.countOut(e, 1)
	}
	x.openBytes += e.size
}

// unplace takes it out again.
func (x *index) unplace(e *entry) {
	switch {
	case IsFinal(e.task.Status):
		if e.task.N == 0 {
			x.ended.remove(e)
		}
		x.finals--
		x.endedBytes -= e.size
		return
	case isParent(e.task):
	case e.task.Status == Queued:
		x.queued.remove(e)
	default:
		a := OpenAttempt(e.task)
		f, node := core.Fence(a.Fence), core.NodeID(a.Node)
		delete(x.granted, f)
		delete(x.holders, e.task.Spec.Exclusive)
		if delete(x.on[node], f); len(x.on[node]) == 0 {
			delete(x.on, node)
		}
		x.countOut(e, -1)
	}
	x.openBytes -= e.size
}

// countOut keeps count of a parent's elements that are out.
func (x *index) countOut(e *entry, by int) {
	if e.task.N > 0 {
		x.byID[core.TaskID(e.task.Parent)].out += by
	}
}

// byFence sorts the entries of a map by its keys.
func byFence(m map[core.Fence]*entry) []*entry {
	fences := make([]core.Fence, 0, len(m))
	for f := range m {
		fences = append(fences, f)
	}
	slices.Sort(fences)
	es := make([]*entry, len(fences))
	for i, f := range fences {
		es[i] = m[f]
	}
	return es
}
