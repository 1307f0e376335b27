package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"

	"hb/core/wire"
)

// The payload of a frame is records, each a length (uvarint) and a marshalled
// wire.Record.

var errRecord = errors.New("a record that cannot be read")

// appendRecord adds one record to a payload. Entries, which are nearly all,
// are laid out by hand: their bytes are there already.
func appendRecord(b []byte, r *wire.Record) []byte {
	if e, ok := r.Body.(*wire.Record_Entry); ok {
		n := protowire.SizeTag(1) + protowire.SizeBytes(len(e.Entry))
		b = binary.AppendUvarint(b, uint64(n))
		b = protowire.AppendTag(b, 1, protowire.BytesType)
		return protowire.AppendBytes(b, e.Entry)
	}
	m := wire.Marshal(r)
	b = binary.AppendUvarint(b, uint64(len(m)))
	return append(b, m...)
}

// nextRecord takes one record off a payload.
func nextRecord(b []byte) (record, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, errRecord
	}
	return b[k : k+int(n)], b[k+int(n):], nil
}

// readRecord decodes a record; nothing is known of one without a body, except
// that a later hb wrote it.
func readRecord(b []byte) (*wire.Record, error) {
	if tag, kind, n := protowire.ConsumeTag(b); n > 0 && tag == 1 && kind == protowire.BytesType {
		if e, k := protowire.ConsumeBytes(b[n:]); k > 0 && n+k == len(b) {
			return &wire.Record{Body: &wire.Record_Entry{Entry: e}}, nil
		}
	}
	r := &wire.Record{}
	if err := wire.Unmarshal(b, r); err != nil {
		return nil, errRecord
	}
	if r.Body == nil {
		return nil, errNewer
	}
	return r, nil
}

// errNewer stops the start: a record may not be skipped because it is unknown.
var errNewer = errors.New("a record of a kind unknown here")

// entryPosition reads term and index of a marshalled raftpb.Entry.
func entryPosition(b []byte) (position, error) {
	var p position
	whole := b
	for len(b) > 0 {
		tag, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return p, errRecord
		}
		v, k := uint64(0), 0
		if kind == protowire.VarintType {
			v, k = protowire.ConsumeVarint(b[n:])
		} else {
			k = protowire.ConsumeFieldValue(tag, kind, b[n:])
		}
		if k < 0 {
			return p, errRecord
		}
		switch {
		case tag == 2 && kind == protowire.VarintType:
			p.term = v
		case tag == 3 && kind == protowire.VarintType:
			p.index = v
		}
		b = b[n+k:]
	}
	if p.index == 0 {
		return p, fmt.Errorf("an entry of %d bytes without an index", len(whole))
	}
	return p, nil
}

func readHard(b []byte) (*raftpb.HardState, error) {
	h := &raftpb.HardState{}
	if err := wire.Unmarshal(b, h); err != nil {
		return nil, errRecord
	}
	return h, nil
}
