package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"hb/core/alloctest"
	"hb/core/wire/wiretest"
)

// weight is what a scale says of b; plenty if it would not say.
func weight(b []byte, m proto.Message) int {
	s := newScale(plenty)
	s.message(b, s.shape(m.ProtoReflect().Descriptor()), deepest)
	if s.left < 0 {
		return plenty
	}
	return plenty - s.left
}

const plenty = 1 << 40

// heaps are messages with n of something, as hb itself sends them or writes them
// down.
func heaps(n int) map[string]proto.Message {
	all := map[string]proto.Message{
		"rows":                   &Envelope{Version: StreamVersion, Body: &Envelope_Rows{Rows: &Rows{Rows: manyRows(n, 0)}}},
		"rows with a tag":        &Envelope{Version: StreamVersion, Body: &Envelope_Welcome{Welcome: &Welcome{Rows: manyRows(n, 1)}}},
		"rows with 9 tags":       &Envelope{Version: StreamVersion, Body: &Envelope_Rows{Rows: &Rows{Rows: manyRows(n, 9)}}},
		"a few rows, 50 tags":    &Rows{Rows: manyRows(n/50+1, 50)},
		"members up":             &Entry{Commands: []*Command{{Body: &Command_MemberUp{MemberUp: &MemberUp{Rows: manyRows(n, 2)}}}}},
		"a page of a snapshot":   &Page{SnapshotData: make([]byte, 100*n)},
		"an entry of the engine": &raftpb.Message{Entries: []*raftpb.Entry{{Data: make([]byte, 100*n)}}},
	}
	page, message := &Page{}, &raftpb.Message{}
	notes, submits, ends, words := &Entry{}, &Entry{}, &Entry{}, &Spec{Name: "x"}
	expire, running, mesh, lease := &Expire{}, &Running{}, &Mesh{}, &LeaseAsk{}
	for i := range n {
		task, fence := make([]byte, 16), uint64(i)<<30
		e := &raftpb.Entry{Index: proto.Uint64(uint64(i)), Term: proto.Uint64(3), Data: task}
		message.Entries = append(message.Entries, e)
		page.Entries = append(page.Entries, Marshal(e))
		notes.Commands = append(notes.Commands, &Command{Proposer: 7, Id: fence, Body: &Command_Note{Note: &Note{Text: []byte("1")}}})
		submits.Commands = append(submits.Commands, &Command{Proposer: 7, Id: fence, Body: &Command_Submit{Submit: &Submit{
			Task: task, Spec: &Spec{Name: "true", Argv: []string{"true"}},
		}}})
		ends.Commands = append(ends.Commands, &Command{Body: &Command_Finish{Finish: &Finish{Task: task, Fence: fence, Result: &Result{EndedNanos: 1 << 60}}}})
		words.Argv = append(words.Argv, "ab")
		expire.Tasks = append(expire.Tasks, task)
		running.Fences = append(running.Fences, fence)
		mesh.Views = append(mesh.Views, &MeshView{Id: fence, Heard: true, RttMicros: 300, Status: 1})
		lease.Locks = append(lease.Locks, task)
	}
	for name, m := range map[string]proto.Message{
		"a page of entries": page, "entries of the engine": message, "notes": notes, "submits": submits, "ends of tasks": ends,
		"a command of short words": words, "expiry": expire, "grants that run": running, "views of a mesh": mesh, "sessions of locks": lease,
	} {
		all[name] = m
	}
	return all
}

func manyRows(n, tags int) (rows []*Row) {
	for i := range n {
		r := &Row{
			Id: uint64(i+1) << 40, Name: fmt.Sprintf("node-%d", i), Addr: "192.168.100.100:7117", Instance: 3, Incarnation: 2,
			Status: 1, Version: "1.0.0", Raft: 1 << 60, Features: 6, Tags: map[string]string{},
		}
		for k := range tags {
			r.Tags[fmt.Sprintf("%02d", k)] = "value"
		}
		rows = append(rows, r)
	}
	return rows
}

func TestWhateverHBSendsIsLightEnough(t *testing.T) {
	for _, n := range []int{1, 100, 10_000} {
		for name, m := range heaps(n) {
			if b := Marshal(m); tooHeavy(b, m, allowance(len(b))) {
				t.Errorf("%d of %s, %d bytes, weigh %d: allowed are %d", n, name, len(b), weight(b, m), allowance(len(b)))
			}
		}
	}
}

func TestNothingWeighsLessThanItAllocates(t *testing.T) {
	all := []proto.Message{}
	for _, n := range []int{1, 2, 9, 100, 2000} {
		for _, m := range heaps(n) {
			all = append(all, m)
		}
	}
	for i := range File_hb_proto.Messages().Len() {
		for _, m := range wiretest.EachBody(newOf(File_hb_proto.Messages().Get(i))) {
			all = append(all, m)
		}
	}
	for _, m := range all {
		b := Marshal(m)
		checkWeight(t, m, b)
		for _, field := range worst(m) {
			checkWeight(t, m, repeat(field, 3000))
			checkWeight(t, m, append(b, repeat(field, 10)...))
		}
	}
}

// checkWeight decodes b as a message like m, and expects it to allocate no more
// than it weighs, and what the message itself and an error take.
func checkWeight(t *testing.T, m proto.Message, b []byte) {
	t.Helper()
	w := weight(b, m)
	if w == plenty {
		return // refused
	}
	alloctest.Within(t, (w+2048)/4, func() {
		proto.Unmarshal(b, m.ProtoReflect().New().Interface())
	})
	if t.Failed() {
		t.Fatalf("%s of %d bytes weighs %d: %.80x", m.ProtoReflect().Descriptor().Name(), len(b), w, b)
	}
}

// worst are the fields of a message at their shortest: empty messages, lists of
// nothing, packed blocks of one number, and what nobody knows.
func worst(m proto.Message) (all [][]byte) {
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch tag := protowire.AppendTag(nil, f.Number(), protowire.BytesType); {
		case f.IsMap():
			all = append(all, append(tag, 2, 10, 0), append(tag, 0))
		case f.Message() != nil || f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind:
			all = append(all, append(tag, 0))
		case f.IsList() && f.Kind() == protoreflect.Fixed64Kind:
			all = append(all, append(tag, 8, 1, 2, 3, 4, 5, 6, 7, 8), append(protowire.AppendTag(nil, f.Number(), protowire.Fixed64Type), 1, 2, 3, 4, 5, 6, 7, 8))
		case f.IsList():
			all = append(all, append(tag, 1, 1), append(protowire.AppendTag(nil, f.Number(), protowire.VarintType), 1))
		}
	}
	return append(all, append(protowire.AppendTag(nil, 9999, protowire.BytesType), 0), append(protowire.AppendTag(nil, 9999, protowire.VarintType), 0))
}

func repeat(b []byte, n int) []byte { return []byte(strings.Repeat(string(b), n)) }

// A frame of 1 MiB took 90 MB, or 460 GB if it was made of packed blocks.
func TestAMessageMadeOfNothingIsRefused(t *testing.T) {
	attempts := repeat([]byte{0x2a, 0}, 1<<19) // empty messages in Task.attempts
	rows := append([]byte{8, StreamVersion}, wrapped(27, repeat([]byte{10, 0}, 1<<19))...)
	blocks := append([]byte{8, StreamVersion}, wrapped(30, repeat([]byte{10, 1, 1}, 1<<18))...)
	nested := wrapped(14, nil) // Message.responses in each other
	for range 5000 {
		nested = wrapped(14, nested)
	}
	for name, c := range map[string]struct {
		of proto.Message
		b  []byte
	}{
		"empty messages": {&Task{}, attempts}, "empty rows": {&Envelope{}, rows}, "blocks of one number": {&Envelope{}, blocks},
		"messages in messages": {&raftpb.Message{}, nested},
		"one message in parts": {&Envelope{}, repeat(wrapped(30, []byte{10, 1, 1}), 1<<18)},
	} {
		alloctest.Within(t, 16<<10, func() {
			if err := Unmarshal(c.b, c.of.ProtoReflect().New().Interface()); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	if _, err := DecodeEnvelope(rows); !errors.Is(err, ErrMalformed) {
		t.Errorf("as a frame: %v", err)
	}
}

func wrapped(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// What is not weighed for its shortness weighs no more than is always allowed.
func TestNothingShortIsHeavy(t *testing.T) {
	most := 0
	for i := range File_hb_proto.Messages().Len() {
		m := newOf(File_hb_proto.Messages().Get(i))
		for _, field := range worst(m) {
			if w := weight(repeat(field, lightest/len(field)), m); w != plenty {
				most = max(most, w)
			}
		}
	}
	if most > leastWeight || most < leastWeight/8 {
		t.Errorf("%d bytes weigh up to %d, always allowed are %d", lightest, most, leastWeight)
	}
}

// An entry is never refused that a leader has made: the commands of others that it
// puts into one, up to 256 KiB, may weigh what they will.
func TestNoBatchOfCommandsIsTooHeavyForAnEntry(t *testing.T) {
	const batch = 256 << 10
	row := wrapped(1, wrapped(8, nil)) // a row of one tag, whose name and value are empty
	for name, command := range map[string][]byte{
		"rows":    wrapped(10, repeat(wrapped(1, nil), 100)),
		"tags":    wrapped(10, repeat(row, 100)),
		"offers":  wrapped(260, repeat(wrapped(3, nil), 100)),
		"wraps":   wrapped(240, repeat(wrapped(2, nil), 100)),
		"submits": wrapped(12, wrapped(2, repeat(wrapped(2, nil), 100))),
		"down":    wrapped(11, repeat([]byte{10, 8, 1, 2, 3, 4, 5, 6, 7, 8}, 100)),
		"blocks":  wrapped(11, repeat([]byte{18, 1, 1}, 100)),
	} {
		b := repeat(wrapped(2, command), batch/len(command))
		if w := weight(b, &Entry{}); w > MaxWeight {
			t.Errorf("%s: an entry of %d bytes weighs %d, at most %d are allowed", name, len(b), w, MaxWeight)
		}
	}
}

// The scale has room for the lists and single messages of every message.
func TestEveryMessageFitsTheScale(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	var check func(of protoreflect.MessageDescriptor, deep int)
	check = func(of protoreflect.MessageDescriptor, deep int) {
		if seen[of.FullName()] {
			return
		}
		seen[of.FullName()] = true
		lists, single := 0, 0
		for i := range of.Fields().Len() {
			switch f := of.Fields().Get(i); {
			case f.IsMap() && (f.MapKey().Kind() != protoreflect.StringKind || f.MapValue().Kind() != protoreflect.StringKind):
				t.Errorf("%s: only maps from text to text can be weighed", f.FullName())
			case f.IsList(), f.IsMap():
				lists++
			case f.Message() != nil:
				single++
			}
			if m := of.Fields().Get(i).Message(); m != nil {
				check(m, deep+1)
			}
		}
		if lists >= mostLists || single > 64 || deep > deepest/2 {
			t.Errorf("%s: %d lists and %d messages, %d deep", of.FullName(), lists, single, deep)
		}
	}
	for i := range File_hb_proto.Messages().Len() {
		check(File_hb_proto.Messages().Get(i), 1)
	}
	check((&raftpb.Message{}).ProtoReflect().Descriptor(), 1)
}

func BenchmarkWeighing(b *testing.B) {
	for name, m := range map[string]proto.Message{
		"a proposal of 256 bytes": &Envelope{Version: 1, Body: &Envelope_Propose{Propose: &Propose{Command: &Command{Body: &Command_Note{Note: &Note{Text: make([]byte, 256)}}}}}},
		"64 entries of 300 bytes": func() proto.Message {
			m := &raftpb.Message{}
			for range 64 {
				m.Entries = append(m.Entries, &raftpb.Entry{Index: proto.Uint64(1 << 20), Term: proto.Uint64(3), Data: make([]byte, 300)})
			}
			return m
		}(),
		"a thousand rows":    heaps(1000)["rows with a tag"],
		"a thousand submits": heaps(1000)["submits"],
	} {
		data := Marshal(m)
		b.Run(name+"/weigh", func(b *testing.B) {
			for b.Loop() {
				tooHeavy(data, m, MaxWeight)
			}
		})
		b.Run(name+"/decode", func(b *testing.B) {
			for b.Loop() {
				_ = proto.Unmarshal(data, m.ProtoReflect().New().Interface())
			}
		})
	}
}
