package wire

import (
	"reflect"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Two bytes of protobuf, an empty message in a repeated field, become a struct of
// up to 350 bytes and a pointer in a list that doubles; three, a packed block of
// one number, copy all numbers before them once more. A frame of 1 MiB could so
// take 90 MB, or all processors for minutes. So bytes from outside are weighed
// before they are decoded: one walk over them, that allocates next to nothing,
// adds up what the decoder will allocate, and stops at what it may.
//
// How much may be? What hb itself sends takes up to 23 times its bytes: rows without
// tags 4, with nine tags 9, with fifty short ones 15; submits 11, and a
// command line of very short words 23, as a string has a header of 16 bytes and
// lists were half as long before. So four times each message's own length is not to
// be had. What holds is:
//
//   - four times the longest frame (netutil.MaxFrame) for every message: MaxWeight;
//   - beneath, 32 times its own length, but 4 MiB always: that is four times the
//     longest entry or page.
//
// An entry of the log has only the first bound. It is decoded by everybody or the
// cluster stands still, and whatever a leader puts into one, within the 256 KiB of
// a batch or the second bound of a frame, stays below.
const (
	// MaxWeight is the most bytes that the decoding of one message may allocate.
	MaxWeight    = 64 << 20
	leastWeight  = 4 << 20
	weightOfByte = 32
	// lightest is the length up to which nothing can weigh leastWeight: all of it
	// packed blocks of one number, the n-th of which copies n of 8 bytes.
	lightest = 2 << 10
	// deepest is how far messages may be in each other. hb's own are 7 deep; the
	// engine's have a field of their own kind.
	deepest = 16
)

// allowance is what a message of n bytes may weigh.
func allowance(n int) int { return max(leastWeight, min(weightOfByte*n, MaxWeight)) }

// tooHeavy says that decoding b as a message like m might allocate more than most
// bytes.
func tooHeavy(b []byte, m proto.Message, most int) bool {
	if len(b) <= lightest {
		return false
	}
	s := newScale(most)
	s.message(b, s.shape(m.ProtoReflect().Descriptor()), deepest)
	return s.left < 0
}

// scale is one weighing.
type scale struct {
	left   int // bytes that may still be allocated
	stray  field
	shapes map[protoreflect.FullName]*shape
}

func newScale(most int) *scale {
	return &scale{left: most, stray: field{strays: true}, shapes: map[protoreflect.FullName]*shape{}}
}

// shape is a kind of message as the decoder allocates it.
type shape struct {
	fields protoreflect.FieldDescriptors
	size   int            // of its struct
	known  [24]*field     // those met so far, by number
	beyond map[int]*field // and of higher numbers
	lists  int
	single int // messages that are no list
}

// field is a field as the decoder allocates it.
type field struct {
	kind   protowire.Type // as which it comes
	each   int            // bytes for each time that it comes, besides its content
	list   int            // which of the message's lists it is; 0: none
	single uint64         // which of its single messages, as a bit; 0: none
	length int            // of an element; 0: it is a map
	varies bool           // the content is text or bytes, copied
	of     *shape         // the content is a message
	strays bool           // not of the schema: kept as it is
	packs  int            // bytes of a number in a packed block; 0: of a varint
}

// room is a list that grows while it is decoded.
type room struct{ used, held int }

// mostLists is how many lists a message may have, and one of what is unknown.
const mostLists = 16

// message weighs the content of one message; false when it is enough, or broken.
func (s *scale) message(b []byte, of *shape, deep int) bool {
	if deep == 0 {
		s.left = -1
		return false
	}
	var lists [mostLists]room
	var seen uint64
	for len(b) > 0 && s.left >= 0 {
		tag, n := varint(b)
		if n <= 0 || tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
			return false
		}
		f, kind := s.field(of, int(tag>>3)), protowire.Type(tag&7)
		content, whole, ok := next(protowire.Number(tag>>3), kind, b[n:])
		if !ok {
			return false
		}
		switch {
		case f.strays || kind != f.kind && (f.list == 0 || f.varies || f.of != nil || kind != protowire.BytesType):
			s.grow(&lists[0], n, 1)
			s.grow(&lists[0], whole, 1)
		case kind != f.kind: // numbers, packed
			s.repack(&lists[f.list], f, content)
		case seen&f.single != 0:
			// The second would go on with the lists of the first. Nobody who
			// encodes a message writes two.
			s.left = -1
		case !s.one(f, &lists[f.list], content, deep):
			return false
		}
		seen |= f.single
		b = b[n+whole:]
	}
	return s.left >= 0
}

// one weighs a field that comes once more.
func (s *scale) one(f *field, l *room, content []byte, deep int) bool {
	s.left -= f.each
	switch {
	case f.list > 0 && f.length == 0:
		s.insert(l)
	case f.list > 0:
		s.grow(l, 1, f.length)
	}
	if f.varies {
		s.left -= rounded(len(content))
	}
	return f.of == nil || s.message(content, f.of, deep-1)
}

// grow is an append to a list.
func (s *scale) grow(l *room, n, length int) {
	if l.used += n; l.used <= l.held {
		return
	}
	switch {
	case l.used > 2*l.held:
		l.held = l.used
	case l.held < 256:
		l.held *= 2
	default:
		l.held += (l.held + 3*256) / 4
	}
	l.held = max(l.held, l.used)
	s.left -= rounded(l.held * length)
}

// insert is a new key of a map: up to eight share one group of slots, then the map
// moves to tables that double.
func (s *scale) insert(l *room) {
	switch l.used++; {
	case l.used == 1:
		s.left -= 336
	case l.used == 9:
		s.left -= 700
	case l.used > 9:
		s.left -= 160
	}
}

// repack is a block of packed numbers, for which the decoder makes the list anew.
func (s *scale) repack(l *room, f *field, block []byte) {
	n := 0
	if f.packs > 0 {
		n = len(block) / f.packs
	} else {
		for _, c := range block {
			if c < 0x80 {
				n++
			}
		}
	}
	if n > 0 {
		l.used += n
		l.held = l.used
		s.left -= rounded(l.held * f.length)
	}
}

// rounded is what an allocation of n bytes takes, at most.
func rounded(n int) int {
	switch {
	case n <= 256:
		return (n + 15) &^ 15
	case n <= 32<<10:
		return n + n/5
	}
	return n + 8<<10
}

// varint is protowire.ConsumeVarint, with the short ones in place.
func varint(b []byte) (uint64, int) {
	if b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return protowire.ConsumeVarint(b)
}

// next gives the content of a field with a length, and how long any field is.
func next(number protowire.Number, kind protowire.Type, b []byte) (content []byte, whole int, ok bool) {
	if kind != protowire.BytesType || len(b) == 0 {
		whole = protowire.ConsumeFieldValue(number, kind, b)
		return nil, whole, whole >= 0
	}
	length, n := varint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return nil, 0, false
	}
	whole = n + int(length)
	return b[n:whole], whole, true
}

// list gives a list its number.
func (of *shape) list() int {
	of.lists++
	return of.lists
}

// shape gives the shape of a kind of message.
func (s *scale) shape(of protoreflect.MessageDescriptor) *shape {
	if sh := s.shapes[of.FullName()]; sh != nil {
		return sh
	}
	sh := &shape{fields: of.Fields(), size: sizeOf(of)}
	s.shapes[of.FullName()] = sh
	return sh
}

// sizeOf is what a new message of a kind takes; of an entry of a map, which is none,
// its key and value while they are put in.
func sizeOf(of protoreflect.MessageDescriptor) int {
	if of.IsMapEntry() {
		return 64
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		panic("wire: " + string(of.FullName()) + " is a message of nobody")
	}
	return rounded(int(reflect.TypeOf(kind.Zero().Interface()).Elem().Size()))
}

// field gives a field of a shape.
func (s *scale) field(of *shape, number int) *field {
	if number < len(of.known) {
		if of.known[number] == nil {
			of.known[number] = s.measure(of, number)
		}
		return of.known[number]
	}
	if f := of.beyond[number]; f != nil {
		return f
	}
	f := s.measure(of, number)
	if of.beyond == nil {
		of.beyond = map[int]*field{}
	}
	if !f.strays { // there are too many numbers to remember
		of.beyond[number] = f
	}
	return f
}

// measure finds out what the decoder does with a field.
func (s *scale) measure(of *shape, number int) *field {
	d := of.fields.ByNumber(protowire.Number(number))
	if d == nil {
		return &s.stray
	}
	f := &field{}
	f.kind, f.length, f.packs = layout(d.Kind())
	f.varies = d.Kind() == protoreflect.StringKind || d.Kind() == protoreflect.BytesKind
	if d.Message() != nil {
		f.of = s.shape(d.Message())
		f.each = f.of.size
	}
	switch {
	case d.IsMap():
		f.list, f.length = of.list(), 0
	case d.IsList():
		f.list = of.list()
	case f.of != nil:
		f.single = 1 << of.single
		of.single++
	}
	switch {
	case d.IsList():
	case d.ContainingOneof() != nil && !d.ContainingOneof().IsSynthetic():
		f.each += rounded(24) // the struct around it
	case d.HasPresence() && d.Message() == nil && !f.varies:
		f.each += rounded(8) // a pointer to it
	case d.HasPresence() && d.Kind() == protoreflect.StringKind:
		f.each += rounded(16)
	}
	return f
}

// layout says how a kind comes, how long it is in a list, and in a packed block.
func layout(k protoreflect.Kind) (kind protowire.Type, length, packed int) {
	switch k {
	case protoreflect.StringKind:
		return protowire.BytesType, 16, 0
	case protoreflect.BytesKind:
		return protowire.BytesType, 24, 0
	case protoreflect.MessageKind:
		return protowire.BytesType, 8, 0
	case protoreflect.GroupKind:
		return protowire.StartGroupType, 8, 0
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type, 8, 8
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type, 4, 4
	}
	return protowire.VarintType, 8, 0
}
