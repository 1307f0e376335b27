package replog

import (
	"slices"
	"testing"

	"hb/core/wire"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// tear leaves the claim of a frame that was being written: the position of the
// last entry in it, and a vote that it may have held (core/store does so).
func (m *medium) tear(frame []*wire.Record) {
	for _, r := range frame {
		switch b := r.GetBody().(type) {
		case *wire.Record_Entry:
			e := &raftpb.Entry{}
			if proto.Unmarshal(b.Entry, e) == nil {
				m.doubt = positionOf(e)
			}
		case *wire.Record_HardState:
			h := &raftpb.HardState{}
			if proto.Unmarshal(b.HardState, h) == nil && promises(h, m.hard) && h.GetVote() != 0 {
				m.hard = hardState(h.GetTerm(), ^uint64(0)>>1, m.hard.GetCommit()) // a vote for nobody there is
			}
		}
	}
}

func (m *medium) write(t *testing.T, r *wire.Record) {
	switch b := r.GetBody().(type) {
	case *wire.Record_HardState:
		m.hard = &raftpb.HardState{}
		if err := proto.Unmarshal(b.HardState, m.hard); err != nil {
			t.Fatal(err)
		}
	case *wire.Record_Entry:
		e := &raftpb.Entry{}
		if err := proto.Unmarshal(b.Entry, e); err != nil {
			t.Fatal(err)
		}
		for len(m.entries) > 0 && m.entries[len(m.entries)-1].GetIndex() >= e.GetIndex() {
			m.entries = m.entries[:len(m.entries)-1]
		}
		last := m.snap.GetMetadata().GetIndex()
		if n := len(m.entries); n > 0 {
			last = m.entries[n-1].GetIndex()
		}
		if e.GetIndex() > last+1 {
			t.Fatalf("entry %d is written behind %d", e.GetIndex(), last)
		}
		m.entries = append(slices.Clip(m.entries), e)
		if !positionOf(e).less(m.doubt) {
			m.doubt = position{}
		}
	}
}
