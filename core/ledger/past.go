package ledger

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// Most of what a ledger holds has ended, and is looked at rarely. As messages
// such records would take ten times their bytes, and all of them would be
// walked by every collection of garbage. So a record is packed when it ends, to
// the very bytes that it has in a snapshot, and unpacked for who asks; and with
// the end of an array the records of its elements become one piece of bytes.

// past is the record of a task that has ended, packed. It is never changed.
type past struct {
	id        core.TaskID
	submitted place
	final     uint64
	ended     int64 // Unix nanoseconds
	status    string
	spec      *wire.Spec
	packed    []byte // as it stands in a snapshot; of an element without its spec

	// elements, of a parent, is how many there are; block holds their records as
	// they stand in a snapshot, blockSize what sizeOf gives for all of them.
	elements  uint32
	block     []byte
	blockSize int
	marks     []uint32 // where in the block every markEvery-th record begins
	loaded    uint32   // how many of them a snapshot has brought

	// in is set in a view of a record within a block: the parent.
	in *entry
}

// taskField is the field of wire.Ledger that holds the records.
const taskField = 5

// pack makes the past of a record that has ended.
func pack(t *wire.Task) *past {
	return &past{
		id: core.TaskID(t.Id), submitted: submitPlace(t), final: t.Final, ended: t.EndedNanos,
		status: known(t.Status), spec: t.Spec, packed: appendTask(nil, t), elements: t.Elements,
	}
}

// known gives the one string for a status, so that a record that was read does
// not keep its own.
func known(status string) string {
	for _, s := range Finals() {
		if s == status {
			return s
		}
	}
	return status
}

func (p *past) unpack() *wire.Task { return unpack(p.packed, p.spec) }

// unpack reads a record that was packed here, or has been read before.
func unpack(packed []byte, spec *wire.Spec) *wire.Task {
	t := &wire.Task{}
	if err := wire.Unmarshal(unframed(packed), t); err != nil {
		panic(fmt.Sprintf("ledger: a packed record does not unpack: %v", err))
	}
	t.Spec = spec
	return t
}

// appendTask adds a record as it stands in a snapshot. The elements of a task
// share its spec.
func appendTask(b []byte, t *wire.Task) []byte {
	if t.N > 0 {
		t = revise(t)
		t.Spec = nil
	}
	b = protowire.AppendTag(b, taskField, protowire.BytesType)
	return protowire.AppendBytes(b, wire.Marshal(t))
}

// unframed undoes appendTask, but for the decoding.
func unframed(packed []byte) []byte {
	_, _, tag := protowire.ConsumeTag(packed)
	b, _ := protowire.ConsumeBytes(packed[tag:])
	return b
}

// markEvery is how many records of a block are walked at most to find one.
const markEvery = 32

// append puts the next record, number n, at the end of a block.
func (p *past) append(n uint32, packed []byte) {
	if (n-1)%markEvery == 0 {
		p.marks = append(p.marks, uint32(len(p.block)))
	}
	p.block = append(p.block, packed...)
}

// each goes through the packed records of a block, until it is told not to.
func (p *past) each(yield func(n uint32, packed []byte) bool) { p.eachFrom(1, yield) }

// eachFrom is each from a record on.
func (p *past) eachFrom(first uint32, yield func(n uint32, packed []byte) bool) {
	if len(p.block) == 0 {
		return
	}
	at := (first - 1) / markEvery
	b := p.block[p.marks[at]:]
	for n := at*markEvery + 1; len(b) > 0; n++ {
		_, _, length := protowire.ConsumeField(b)
		if n >= first && !yield(n, b[:length]) {
			return
		}
		b = b[length:]
	}
}

// element is a view of one record in a block.
func (e *entry) element(n uint32) *entry {
	var found *entry
	e.past.eachFrom(n, func(_ uint32, packed []byte) bool {
		t := unpack(packed, e.past.spec)
		found = &entry{size: sizeOf(t), past: &past{
			id: core.TaskID(t.Id), submitted: submitPlace(t), final: t.Final, ended: t.EndedNanos,
			status: known(t.Status), spec: t.Spec, packed: packed, in: e,
		}}
		return false
	})
	if found == nil {
		panic(fmt.Sprintf("ledger: task %v has no element %d", e.past.id, n))
	}
	return found
}

// fold makes one block of the elements of a parent that has ended.
func (x *index) fold(parent *entry) {
	p := parent.past
	block := 0
	for n := range p.elements {
		block += len(x.byID[ElementID(p.id, n+1)].past.packed)
	}
	p.block = make([]byte, 0, block)
	for n := range p.elements {
		kid := x.byID[ElementID(p.id, n+1)]
		p.append(n+1, kid.past.packed)
		p.blockSize += kid.size
		delete(x.byID, kid.past.id)
	}
	x.finals -= int(p.elements)
	first := p.submitted
	first.n = 1
	x.all.cut(first, int(p.elements))
	x.noteFolded(parent)
}

// rest is the part of an ID that a task and its elements have in common.
func rest(id core.TaskID) core.TaskID {
	clear(id[len(id)-4:])
	return id
}

// noteFolded lets the elements of a parent be found by their IDs.
func (x *index) noteFolded(parent *entry) {
	if parent.past.elements > 0 {
		key := rest(parent.past.id)
		x.folded[key] = append(x.folded[key], parent)
	}
}

func (x *index) forgetFolded(parent *entry) {
	key := rest(parent.past.id)
	var others []*entry
	for _, e := range x.folded[key] {
		if e != parent {
			others = append(others, e)
		}
	}
	if x.folded[key] = others; len(others) == 0 {
		delete(x.folded, key)
	}
}

// find gives the entry of a task, or a view of one within a block; nil: none.
func (x *index) find(id core.TaskID) *entry {
	if e := x.byID[id]; e != nil {
		return e
	}
	last := binary.BigEndian.Uint32(id[len(id)-4:])
	for _, parent := range x.folded[rest(id)] {
		of := parent.past.id
		n := binary.BigEndian.Uint32(of[len(of)-4:]) ^ last
		if n >= 1 && n <= parent.past.elements {
			return parent.element(n)
		}
	}
	return nil
}

// refold puts a new record in the place of one in a block.
func (x *index) refold(parent *entry, t *wire.Task) {
	old := parent.past
	p := *old
	p.block, p.marks = make([]byte, 0, len(old.block)+proto.Size(t)), nil
	for n, packed := range old.each {
		if n == t.N {
			p.blockSize += sizeOf(t) - sizeOf(unpack(packed, old.spec))
			packed = appendTask(nil, t)
		}
		p.append(n, packed)
	}
	x.endedBytes += p.blockSize - old.blockSize
	parent.past = &p
}
