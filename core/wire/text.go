package wire

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// CheckText reports the first string in a message that is not UTF-8, by field.
// Marshal would change it to something else; who may not have it changed (a
// task's words, a tag) refuses it when it comes in.
func CheckText(m proto.Message) error {
	var fault error
	eachText(m.ProtoReflect(), func(field protoreflect.FieldDescriptor, s string) string {
		if fault == nil && !utf8.ValidString(s) {
			fault = fmt.Errorf("%s holds text that is not UTF-8: %q", field.Name(), s)
		}
		return s
	})
	return fault
}

// mendText replaces what is not UTF-8 by U+FFFD, in place.
func mendText(m protoreflect.Message) {
	eachText(m, func(_ protoreflect.FieldDescriptor, s string) string {
		return strings.ToValidUTF8(s, "\uFFFD")
	})
}

// textFunc sees a string and says what is to stand in its place.
type textFunc func(field protoreflect.FieldDescriptor, s string) string

// eachText shows every string in a message, at any depth, to f, fields in the
// order of the schema.
func eachText(m protoreflect.Message, f textFunc) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !m.Has(field) {
			continue
		}
		switch value := m.Get(field); {
		case field.IsMap():
			eachTextOfMap(field, value.Map(), f)
		case field.IsList():
			eachTextOfList(field, value.List(), f)
		case field.Message() != nil:
			eachText(value.Message(), f)
		case field.Kind() == protoreflect.StringKind:
			if after := f(field, value.String()); after != value.String() {
				m.Set(field, protoreflect.ValueOfString(after))
			}
		}
	}
}

func eachTextOfList(field protoreflect.FieldDescriptor, list protoreflect.List, f textFunc) {
	for i := range list.Len() {
		switch {
		case field.Message() != nil:
			eachText(list.Get(i).Message(), f)
		case field.Kind() == protoreflect.StringKind:
			if after := f(field, list.Get(i).String()); after != list.Get(i).String() {
				list.Set(i, protoreflect.ValueOfString(after))
			}
		}
	}
}

// eachTextOfMap covers the only kind of map in the schema, string to string
// (tags), in the order of the keys. Of keys that are one after mending, the
// last keeps its value.
func eachTextOfMap(field protoreflect.FieldDescriptor, m protoreflect.Map, f textFunc) {
	var keys []string
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k.String())
		return true
	})
	slices.Sort(keys)
	for _, k := range keys {
		key := protoreflect.ValueOfString(k).MapKey()
		v := m.Get(key).String()
		newKey, newValue := f(field, k), f(field, v)
		if newKey == k && newValue == v {
			continue
		}
		m.Clear(key)
		m.Set(protoreflect.ValueOfString(newKey).MapKey(), protoreflect.ValueOfString(newValue))
	}
}
