package wire

import (
	"encoding/binary"
	"fmt"

	"hb/core"
)

// Beat is the last heartbeat of a member that the sender knows of, as it rides
// on a heartbeat of the gossip detector. In a datagram:
//
//	8  NodeID of the member
//	4  instance
//	4  sequence number
//
// No time travels with it: each receiver dates the beat by its own clock, so
// that clocks need not agree (van Renesse et al. 1998, §2).
type Beat struct {
	ID       core.NodeID
	Instance core.Instance
	// Seq counts the heartbeats of this instance from one.
	Seq uint32
}

// MaxBeats is the most beats in one datagram. It leaves some room for news.
const MaxBeats = 64

const beatSize = 16

// After says that beat b was sent after beat c of the same member.
func (b Beat) After(c Beat) bool {
	return b.Instance > c.Instance || b.Instance == c.Instance && b.Seq > c.Seq
}

func appendBeats(dst []byte, beats []Beat) []byte {
	if len(beats) > MaxBeats {
		panic(fmt.Sprintf("wire: %d beats in one datagram", len(beats)))
	}
	dst = append(dst, byte(len(beats)))
	for _, b := range beats {
		dst = binary.BigEndian.AppendUint64(dst, uint64(b.ID))
		dst = binary.BigEndian.AppendUint32(dst, uint32(b.Instance))
		dst = binary.BigEndian.AppendUint32(dst, b.Seq)
	}
	return dst
}

// beats reads the beats part, appending to beats.
func (r *reader) beats(beats []Beat) []Beat {
	count := int(r.u8())
	if count == 0 || count > MaxBeats {
		r.bad = true
	}
	for range count {
		b := Beat{ID: core.NodeID(r.u64()), Instance: core.Instance(r.u32()), Seq: r.u32()}
		if r.bad = r.bad || b.ID == 0; r.bad {
			return beats
		}
		beats = append(beats, b)
	}
	return beats
}
