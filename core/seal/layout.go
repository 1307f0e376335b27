package seal

import (
	"encoding/binary"
	"errors"

	"hb/core"
)

const (
	// Version is the version of the layout.
	Version = 1
	// Overhead is how many bytes sealing adds.
	Overhead = headerSize + tagSize

	headerSize = 28
	tagSize    = 16
	nonceSize  = 12
	saltSize   = 4
	keySize    = 32

	flagAll   = 1 << 0
	flagPair  = 1 << 1
	flagsKnow = flagAll | flagPair
)

// Why a datagram is not opened. None of them is worth an answer, but ErrOver.
var (
	// ErrPlain: it is no sealed datagram at all.
	ErrPlain = errors.New("datagram is not sealed")
	// ErrMalformed: it is none that this program could have made.
	ErrMalformed = errors.New("sealed datagram is malformed")
	// ErrGeneration: it is sealed with a key that is not known here, or not any
	// more.
	ErrGeneration = errors.New("datagram is sealed with another generation of the key")
	// ErrForged: it was not sealed by a member, or for another one, or was
	// changed on its way.
	ErrForged = errors.New("datagram is not sealed by a member for this one")
	// ErrReplayed: it has been here before, or is too old to know.
	ErrReplayed = errors.New("datagram was here before")
	// ErrOver: the member that its header names sealed it, in a start before the
	// latest that was heard. It may have been here before.
	ErrOver = errors.New("datagram is from a start that is over")
)

// Generation counts the keys of a cluster, from 1.
type Generation uint32

// Header is what everybody can read of a sealed datagram; nothing of it is to be
// believed before Open.
type Header struct {
	Generation Generation
	From       core.NodeID
	Instance   core.Instance
	All        bool // for everybody
	Pair       bool // sealed with a pair's key
	counter    uint64
}

// IsSealed says whether bytes claim to be a sealed datagram.
func IsSealed(b []byte) bool { return len(b) >= 2 && b[0] == 'h' && b[1] == 's' }

func appendHeader(dst []byte, h *Header) []byte {
	var flags byte
	if h.All {
		flags |= flagAll
	}
	if h.Pair {
		flags |= flagPair
	}
	dst = append(dst, 'h', 's', Version, flags)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Generation))
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.From))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Instance))
	return binary.BigEndian.AppendUint64(dst, h.counter)
}

// ReadHeader reads what is in front of a sealed datagram.
func ReadHeader(b []byte) (h Header, err error) {
	switch {
	case !IsSealed(b):
		return h, ErrPlain
	case len(b) < Overhead || b[2] != Version || b[3]&^flagsKnow != 0 || b[3] == flagsKnow:
		return h, ErrMalformed
	}
	h = Header{
		All: b[3]&flagAll != 0, Pair: b[3]&flagPair != 0,
		Generation: Generation(binary.BigEndian.Uint32(b[4:])),
		From:       core.NodeID(binary.BigEndian.Uint64(b[8:])),
		Instance:   core.Instance(binary.BigEndian.Uint32(b[16:])),
		counter:    binary.BigEndian.Uint64(b[20:]),
	}
	if h.From == 0 || h.Generation == 0 {
		return h, ErrMalformed
	}
	return h, nil
}
