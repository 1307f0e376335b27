package wire

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"hb/core/wire/wiretest"
)

// envelopes is one whole envelope for each body.
func envelopes() map[string]*Envelope {
	all := map[string]*Envelope{}
	for name, m := range wiretest.EachBody(&Envelope{}) {
		e := m.(*Envelope)
		e.Version, e.Cluster = StreamVersion, []byte("sixteen bytes ID")
		all[name] = e
	}
	return all
}

// entries is one log entry for each command.
func entries() map[string]*Entry {
	all := map[string]*Entry{}
	for name, m := range wiretest.EachBody(&Command{}) {
		all[name] = &Entry{WallNanos: 1, Commands: []*Command{m.(*Command), m.(*Command)}}
	}
	return all
}

func TestTheCorpusLeavesNoFieldOut(t *testing.T) {
	for _, of := range []proto.Message{&Envelope{}, &Command{}, &Record{}, &Identity{}, &Ledger{}, &Enroll{}, &Enrolled{}} {
		for name, m := range wiretest.EachBody(of) {
			checkFilled(t, name, m.ProtoReflect())
		}
	}
}

func checkFilled(t *testing.T, path string, m protoreflect.Message) {
	t.Helper()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		case field.ContainingOneof() != nil && !m.Has(field):
		case !m.Has(field):
			t.Errorf("%s.%s is not filled", path, field.Name())
		case field.Message() != nil && !field.IsMap() && !field.IsList():
			checkFilled(t, path+"."+string(field.Name()), m.Get(field).Message())
		}
	}
}
