// Package wiretest fills messages, for tests that want one of every kind with
// something in it: a new field or message of hb.proto is thereby in all of them
// without a word.
package wiretest

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Fill sets every field of a message, at any depth, to a value that differs
// from its zero and from its neighbours'. Of a oneof it sets none: EachBody chooses.
func Fill(m protoreflect.Message, seed *uint64) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.ContainingOneof() != nil {
			continue // EachBody chooses
		}
		fillField(m, field, seed)
	}
}

func fillField(m protoreflect.Message, field protoreflect.FieldDescriptor, seed *uint64) {
	switch {
	case field.IsMap():
		value := m.Mutable(field).Map()
		for range 2 {
			value.Set(scalar(field.MapKey(), seed).MapKey(), scalar(field.MapValue(), seed))
		}
	case field.IsList():
		list := m.Mutable(field).List()
		for range 2 {
			if field.Message() == nil {
				list.Append(scalar(field, seed))
				continue
			}
			element := list.NewElement()
			Fill(element.Message(), seed)
			list.Append(element)
		}
	case field.Message() != nil:
		Fill(m.Mutable(field).Message(), seed)
	default:
		m.Set(field, scalar(field, seed))
	}
}

func scalar(field protoreflect.FieldDescriptor, seed *uint64) protoreflect.Value {
	*seed++
	n := *seed
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("t" + string(rune('a'+n%26)) + string(rune('a'+n/26%26)))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{byte(n), byte(n >> 8), 0xff})
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(-int32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(n << 33)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(-int64(n) << 33)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n) / 3)
	}
	panic("hb.proto uses " + field.Kind().String() + ", which the test corpus does not fill")
}

// EachBody gives one filled message for each body that its kind may carry,
// under the body's name; for a kind without bodies, one.
func EachBody(of proto.Message) map[string]proto.Message {
	all := map[string]proto.Message{}
	add := func(name string, body protoreflect.FieldDescriptor) {
		seed := uint64(len(all)) * 100
		m := of.ProtoReflect().New()
		Fill(m, &seed)
		if body != nil {
			fillField(m, body, &seed)
		}
		all[name] = m.Interface()
	}
	bodies := of.ProtoReflect().Descriptor().Oneofs().ByName("body")
	if bodies == nil {
		add(string(of.ProtoReflect().Descriptor().Name()), nil)
		return all
	}
	for i := range bodies.Fields().Len() {
		add(string(bodies.Fields().Get(i).Name()), bodies.Fields().Get(i))
	}
	return all
}
