package wire

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// StreamVersion is the version of the stream protocol that this program
// speaks. It is raised only by changes that an older node would misread.
const StreamVersion = 1

var (
	// ErrVersion says that the bytes are whole but of another version, or of
	// a later addition to this one.
	ErrVersion = errors.New("another version of the protocol")
	// ErrMalformed says that the bytes are no message of the kind asked for.
	ErrMalformed = errors.New("malformed")
)

// Marshal encodes a message, the same message always to the same bytes. Text
// that is not UTF-8 is mended (see CheckText); nothing else can fail.
func Marshal(m proto.Message) []byte {
	options := proto.MarshalOptions{Deterministic: true}
	b, err := options.Marshal(m)
	if err == nil {
		return b
	}
	whole := proto.Clone(m)
	mendText(whole.ProtoReflect())
	b, err = options.Marshal(whole)
	if err != nil {
		panic(fmt.Sprintf("wire: %s cannot be encoded: %v", m.ProtoReflect().Descriptor().Name(), err))
	}
	return b
}

// Unmarshal decodes into m, which is emptied first. Its error is an
// ErrMalformed that names the kind of message; also if decoding would allocate
// more than is good for its length (weigh.go).
func Unmarshal(b []byte, m proto.Message) error { return unmarshal(b, m, allowance(len(b))) }

// UnmarshalLong is Unmarshal of what may be longer than a frame is: the head of a
// Ledger. What it allocates is bound to the length alone.
func UnmarshalLong(b []byte, m proto.Message) error {
	return unmarshal(b, m, max(leastWeight, weightOfByte*len(b)))
}

func unmarshal(b []byte, m proto.Message, most int) error {
	if tooHeavy(b, m, most) {
		return fmt.Errorf("%s of %d bytes: %w: it would take more than %d bytes of memory", m.ProtoReflect().Descriptor().Name(), len(b), ErrMalformed, most)
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%s of %d bytes: %w: %v", m.ProtoReflect().Descriptor().Name(), len(b), ErrMalformed, err)
	}
	return nil
}

// EncodeEnvelope stamps the envelope with StreamVersion and encodes it: the
// payload of one frame.
func EncodeEnvelope(e *Envelope) []byte {
	e.Version = StreamVersion
	return Marshal(e)
}

// DecodeEnvelope reads the payload of one frame. The error is an ErrVersion or
// an ErrMalformed; an envelope it returns has a body, and a cluster of 16
// bytes or none. How long a payload may be is for whoever reads the frame.
func DecodeEnvelope(b []byte) (*Envelope, error) {
	// The version first: bytes of another version need not parse as this one.
	if v, ok := peekVersion(b); ok && v != StreamVersion {
		return nil, fmt.Errorf("frame of stream version %d, here is %d: %w", v, StreamVersion, ErrVersion)
	}
	e := &Envelope{}
	if err := Unmarshal(b, e); err != nil {
		return nil, err
	}
	switch {
	case e.Version != StreamVersion:
		return nil, fmt.Errorf("frame of %d bytes without a version: %w", len(b), ErrMalformed)
	case len(e.Cluster) != 0 && len(e.Cluster) != 16:
		return nil, fmt.Errorf("frame with a cluster ID of %d bytes: %w", len(e.Cluster), ErrMalformed)
	case e.Body == nil && len(e.ProtoReflect().GetUnknown()) > 0:
		return nil, fmt.Errorf("frame with a body unknown here: %w", ErrVersion)
	case e.Body == nil:
		return nil, fmt.Errorf("frame without a body: %w", ErrMalformed)
	}
	return e, nil
}

// peekVersion finds field 1 of an envelope among its top-level fields; not ok
// when the bytes end or break before it.
func peekVersion(b []byte) (uint64, bool) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, false
		}
		b = b[n:]
		if number == 1 && kind == protowire.VarintType {
			v, n := protowire.ConsumeVarint(b)
			return v, n >= 0
		}
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return 0, false
		}
		b = b[n:]
	}
	return 0, false
}

// EncodeEntry encodes the payload of one log entry.
func EncodeEntry(e *Entry) []byte { return Marshal(e) }

// DecodeEntry reads the payload of one log entry. No bytes at all, which is
// what the engine itself appends at a new term, are an entry of no commands.
func DecodeEntry(b []byte) (*Entry, error) {
	e := &Entry{}
	if err := unmarshal(b, e, MaxWeight); err != nil {
		return nil, err
	}
	return e, nil
}
