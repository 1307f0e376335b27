package store

import (
	"fmt"
	"slices"

	"hb/core"
	"hb/core/wire"
)

// journal is the runner's journal: what the frames of its chain mean. A base
// holds everything that is live, so older segments go as soon as it is synced;
// that is all its compaction.
type journal struct {
	chain
	live    map[uint64][][]byte // by fence: the records of an intent that is not forgotten
	order   []uint64            // fences as they came
	bytes   int                 // of live
	based   bool                // a base was written and not yet synced
	newer   bool
	payload []byte
}

// fenceOf tells which grant a record is about.
func fenceOf(r *wire.Record) (uint64, error) {
	fence := uint64(0)
	switch b := r.Body.(type) {
	case *wire.Record_Intent:
		fence = b.Intent.GetGrant().GetFence()
	case *wire.Record_Started:
		fence = b.Started.GetFence()
	case *wire.Record_Ended:
		fence = b.Ended.GetFence()
	case *wire.Record_Forgotten:
		fence = b.Forgotten
	}
	if fence == 0 {
		return 0, fmt.Errorf("a record without a fence: %T", r.Body)
	}
	return fence, nil
}

// apply takes over one record, with its length in front.
func (j *journal) apply(fence uint64, r *wire.Record, framed []byte) {
	records, known := j.live[fence]
	switch r.Body.(type) {
	case *wire.Record_Forgotten:
		for _, b := range records {
			j.bytes -= len(b)
		}
		delete(j.live, fence)
		j.order = slices.DeleteFunc(j.order, func(f uint64) bool { return f == fence })
		return
	case *wire.Record_Intent:
		if !known {
			j.order = append(j.order, fence)
		}
	default:
		if !known {
			return // forgotten already
		}
	}
	j.live[fence] = append(records, slices.Clone(framed))
	j.bytes += len(framed)
}

// write appends records as one frame.
func (j *journal) write(records []*wire.Record) error {
	if err := j.sync(); err != nil {
		return err
	}
	fences, ends := make([]uint64, len(records)), make([]int, len(records))
	j.payload = j.payload[:0]
	for i, r := range records {
		fence, err := fenceOf(r)
		if err != nil {
			return core.Faultf(core.CodeInternal, "the journal was asked to keep %v", err)
		}
		j.payload = appendRecord(j.payload, r)
		fences[i], ends[i] = fence, len(j.payload)
	}
	// Twice the room of what is live, so that a new segment is not full at once.
	if err := j.open(len(j.payload), 2*j.bytes); err != nil {
		return err
	}
	var parts [][]byte
	if j.blank() {
		for _, fence := range j.order {
			parts = append(parts, j.live[fence]...)
		}
		j.based = true
	}
	if err := j.chain.write(head{kind: kindData}, append(parts, j.payload)...); err != nil {
		return err
	}
	begin := 0
	for i, r := range records {
		j.apply(fences[i], r, j.payload[begin:ends[i]])
		begin = ends[i]
	}
	return nil
}

// sync makes the last frame durable; a base makes older segments superfluous.
func (j *journal) sync() error {
	if err := j.chain.sync(); err != nil || !j.based {
		return err
	}
	j.based = false
	return j.drop(^uint64(0))
}

// visit applies a frame that was read from the disk.
func (j *journal) visit(_ *segment, h head, payload []byte) error {
	type line struct {
		fence  uint64
		record *wire.Record
		framed []byte
	}
	var lines []line
	for len(payload) > 0 {
		raw, rest, err := nextRecord(payload)
		if err != nil {
			return err
		}
		r, err := readRecord(raw)
		j.newer = j.newer || err == errNewer
		if err != nil {
			return err
		}
		fence, err := fenceOf(r)
		if err != nil {
			return err
		}
		lines = append(lines, line{fence, r, payload[:len(payload)-len(rest)]})
		payload = rest
	}
	if h.kind == kindBase || h.kind == kindResume {
		j.live, j.order, j.bytes = map[uint64][][]byte{}, nil, 0
	}
	for _, l := range lines {
		j.apply(l.fence, l.record, l.framed)
	}
	return nil
}

// records gives what is live, in the order in which the intents came.
func (j *journal) records() ([]*wire.Record, error) {
	var all []*wire.Record
	for _, fence := range j.order {
		for _, framed := range j.live[fence] {
			raw, _, err := nextRecord(framed)
			if err != nil {
				return nil, err
			}
			r, err := readRecord(raw)
			if err != nil {
				return nil, err
			}
			all = append(all, r)
		}
	}
	return all, nil
}
