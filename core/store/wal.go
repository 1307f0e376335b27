package store

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/wire"
)

// wal is the write-ahead log: what the frames of its chain mean.
//
// A base (the first frame of a segment) begins with the position in doubt, as
// two numbers of 8 bytes, and the hard state, so that no older segment is
// needed for them.
type wal struct {
	chain
	tip
	doubt   *position // claimed by a torn frame and not yet reached
	payload []byte
	base    []byte

	// Only while loading:
	entries []entry
	newer   bool
}

// tip is what the log says at its end.
type tip struct {
	last position          // its last entry, or the mark
	mark uint64            // a snapshot replaced everything up to here
	hard *raftpb.HardState // nil: none yet
}

type entry struct {
	position
	raw []byte
}

const doubtSize = 16

// apply moves the tip over one record. Loose lets an entry follow on nothing:
// what was before it has been dropped.
func (t *tip) apply(r *wire.Record, loose bool) error {
	switch b := r.Body.(type) {
	case *wire.Record_Entry:
		p, err := entryPosition(b.Entry)
		switch {
		case err != nil:
			return err
		case p.index > t.last.index+1 && !loose:
			return fmt.Errorf("entry %d after entry %d", p.index, t.last.index)
		case p.index <= t.mark:
			return fmt.Errorf("entry %d behind the snapshot at %d", p.index, t.mark)
		}
		t.last = p
	case *wire.Record_HardState:
		h, err := readHard(b.HardState)
		if err != nil {
			return err
		}
		t.hard = h
	case *wire.Record_Mark:
		t.last = position{b.Mark.Term, b.Mark.Index}
		t.mark = b.Mark.Index
	default:
		return fmt.Errorf("a record of the journal in the log: %T", r.Body)
	}
	return nil
}

// write appends records as one frame.
func (w *wal) write(records []*wire.Record) error {
	if err := w.sync(); err != nil {
		return err
	}
	t, h := w.tip, head{kind: kindData}
	w.payload = w.payload[:0]
	for _, r := range records {
		if err := t.apply(r, false); err != nil {
			return core.Faultf(core.CodeInternal, "the log was asked to keep %v", err)
		}
		if _, ok := r.Body.(*wire.Record_HardState); ok {
			h.hardTerm = t.hard.GetTerm()
		}
		w.payload = appendRecord(w.payload, r)
	}
	h.last = t.last
	w.base = w.restate(w.base[:0])
	if err := w.open(len(w.payload), len(w.base)); err != nil {
		return err
	}
	parts := [][]byte{nil, w.payload}
	if w.blank() {
		parts[0] = w.base
	}
	if err := w.chain.write(h, parts...); err != nil {
		return err
	}
	w.note(w.active(), records)
	w.tip = t
	w.reached()
	return nil
}

// restate lays out the beginning of a base.
func (w *wal) restate(b []byte) []byte {
	d := position{}
	if w.doubt != nil {
		d = *w.doubt
	}
	b = binary.LittleEndian.AppendUint64(b, d.term)
	b = binary.LittleEndian.AppendUint64(b, d.index)
	if w.hard != nil {
		b = appendRecord(b, hardRecord(w.hard))
	}
	return b
}

func hardRecord(h *raftpb.HardState) *wire.Record {
	return &wire.Record{Body: &wire.Record_HardState{HardState: wire.Marshal(h)}}
}

func markRecord(p position) *wire.Record {
	return &wire.Record{Body: &wire.Record_Mark{Mark: &wire.Mark{Index: p.index, Term: p.term}}}
}

// note remembers which indices a segment holds.
func (w *wal) note(s *segment, records []*wire.Record) {
	for _, r := range records {
		switch b := r.Body.(type) {
		case *wire.Record_Entry:
			p, _ := entryPosition(b.Entry)
			s.covers(p.index)
		case *wire.Record_Mark:
			s.covers(b.Mark.Index)
		}
	}
}

// reached ends the doubt once the log has what the torn frame claimed.
func (w *wal) reached() {
	if w.doubt != nil && !w.last.before(*w.doubt) {
		w.doubt = nil
	}
}

// visit applies a frame that was read from the disk.
func (w *wal) visit(s *segment, h head, payload []byte) error {
	base := h.kind == kindBase || h.kind == kindResume
	t, doubt := w.tip, w.doubt
	// In front of the oldest segment there may have been others.
	loose := base && len(w.entries) == 0 && w.last == position{} && s.number > 1
	if base {
		if len(payload) < doubtSize {
			return errRecord
		}
		doubt = &position{binary.LittleEndian.Uint64(payload), binary.LittleEndian.Uint64(payload[8:])}
		payload = payload[doubtSize:]
	}
	var records []*wire.Record
	for len(payload) > 0 {
		raw, rest, err := nextRecord(payload)
		if err != nil {
			return err
		}
		r, err := readRecord(raw)
		w.newer = w.newer || err == errNewer
		if err == nil {
			before := t.last
			err = t.apply(r, loose)
			loose = loose && t.last == before
		}
		if err != nil {
			return err
		}
		records, payload = append(records, r), rest
	}
	if loose {
		t.last = h.last // of an entry that went with its segment
	}
	if t.last != h.last {
		return fmt.Errorf("it ends at entry %d, its header says %d", t.last.index, h.last.index)
	}
	w.tip, w.doubt = t, doubt
	w.note(s, records)
	for _, r := range records {
		w.keep(r)
	}
	w.reached()
	return nil
}

// keep adds a record to the entries: one that is there already, and all after
// it, give way (Raft §5.3).
func (w *wal) keep(r *wire.Record) {
	switch b := r.Body.(type) {
	case *wire.Record_Mark:
		w.entries = nil
	case *wire.Record_Entry:
		p, _ := entryPosition(b.Entry)
		if n := len(w.entries); n > 0 {
			at := p.index - w.entries[0].index
			if p.index < w.entries[0].index || at > uint64(n) {
				at = 0
			}
			w.entries = w.entries[:at]
		}
		w.entries = append(w.entries, entry{p, b.Entry})
	}
}

// first is the index from which on the log holds every entry.
func (w *wal) first() uint64 {
	for i := range w.segs {
		if low := w.segs[i].low; low > 0 {
			return max(low, w.mark+1)
		}
	}
	return w.last.index + 1
}
