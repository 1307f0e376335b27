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
// ended. Elements of a task that has ended have no entries: they are in its block.
type index struct {
	byID    map[core.TaskID]*entry
	folded  map[core.TaskID][]*entry // ended tasks with elements, by what their IDs share
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

// entry holds the current record of a task, open or past; the record is
// replaced, never changed.
type entry struct {
	task *wire.Task // nil once it has ended
	past *past      // nil before
	size int
	out  int // of a parent: its elements with an open grant
}

// record is the record as a message.
func (e *entry) record() *wire.Task {
	if e.past != nil {
		return e.past.unpack()
	}
	return e.task
}

func (e *entry) id() core.TaskID {
	if e.past != nil {
		return e.past.id
	}
	return core.TaskID(e.task.Id)
}

func (e *entry) spec() *wire.Spec {
	if e.past != nil {
		return e.past.spec
	}
	return e.task.Spec
}

func (e *entry) status() string {
	if e.past != nil {
		return e.past.status
	}
	return e.task.Status
}

// submitted is its place among all, and endedAt that of one that has ended among
// those.
func (e *entry) submitted() place {
	if e.past != nil {
		return e.past.submitted
	}
	return submitPlace(e.task)
}

func (e *entry) endedAt() place {
	p := e.past.submitted
	return place{at: e.past.final, order: p.at, cause: p.cause, n: p.n}
}

// isElement says that it is one of another task.
func (e *entry) isElement() bool { return e.submitted().n > 0 }

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
		folded:  map[core.TaskID][]*entry{},
		keys:    map[string]*entry{},
		all:     line{key: (*entry).submitted},
		queued:  line{key: (*entry).submitted},
		ended:   line{key: (*entry).endedAt},
		granted: map[core.Fence]*entry{},
		holders: map[string]*entry{},
		on:      map[core.NodeID]map[core.Fence]*entry{},
		keeps:   map[int64]int{},
	}
}

// add takes in a new task.
func (x *index) add(t *wire.Task) {
	e := newEntry(t)
	x.note(e)
	x.place(e)
}

func newEntry(t *wire.Task) *entry {
	e := &entry{size: sizeOf(t)}
	e.hold(t)
	return e
}

// hold makes t the current record.
func (e *entry) hold(t *wire.Task) {
	if e.task = t; IsFinal(t.Status) {
		e.task, e.past = nil, pack(t)
	}
}

// note enters a task under what it always has.
func (x *index) note(e *entry) {
	x.byID[e.id()] = e
	spec := e.spec()
	if spec.Key != "" && !e.isElement() {
		x.keys[spec.Key] = e
	}
	if keep := spec.KeepNanos; keep > 0 && !e.isElement() {
		x.keeps[keep]++
	}
	x.all.insert(e)
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
	if e.past != nil && e.past.in != nil {
		x.refold(e.past.in, t)
		return
	}
	if e.past != nil { // a late result beside those that counted
		x.endedBytes += sizeOf(t) - e.size
		p := *e.past
		p.packed = appendTask(nil, t)
		e.past, e.size = &p, sizeOf(t)
		return
	}
	x.unplace(e)
	e.size = sizeOf(t)
	e.hold(t)
	x.place(e)
	if e.past != nil && isParent(t) {
		x.fold(e)
	}
}

// drop forgets a task that has ended, with its elements.
func (x *index) drop(e *entry) {
	x.ended.remove(e)
	x.finals--
	x.endedBytes -= e.size + e.past.blockSize
	x.forgetFolded(e)
	x.all.remove(e)
	delete(x.byID, e.past.id)
	if key := e.past.spec.Key; key != "" {
		delete(x.keys, key)
	}
	if keep := e.past.spec.KeepNanos; keep > 0 {
		if x.keeps[keep]--; x.keeps[keep] == 0 {
			delete(x.keeps, keep)
		}
	}
}

// place enters a record where its status belongs.
func (x *index) place(e *entry) {
	switch {
	case e.past != nil:
		if !e.isElement() { // elements go with their parent
			x.ended.insert(e)
		}
		x.countPast(e)
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

func (x *index) countPast(e *entry) {
	x.finals++
	x.endedBytes += e.size
}

// unplace takes the record of an open task out again.
func (x *index) unplace(e *entry) {
	switch {
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
