package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"hb/core/alloctest"
	"hb/core/wire/wiretest"
)

func TestEveryEnvelopeComesBackAsItWent(t *testing.T) {
	for name, e := range envelopes() {
		got, err := DecodeEnvelope(EncodeEnvelope(e))
		if err != nil || !proto.Equal(got, e) {
			t.Errorf("%s: sent %v, came %v, %v", name, e, got, err)
		}
	}
}

func TestEveryEntryComesBackAsItWent(t *testing.T) {
	for name, e := range entries() {
		got, err := DecodeEntry(EncodeEntry(e))
		if err != nil || !proto.Equal(got, e) {
			t.Errorf("%s: written %v, read %v, %v", name, e, got, err)
		}
	}
}

func TestEverythingOnDiskOrSaidAtTheDoorComesBackAsItWent(t *testing.T) {
	for _, of := range []proto.Message{&Record{}, &Identity{}, &Ledger{}, &Enroll{}, &Enrolled{}} {
		for name, m := range wiretest.EachBody(of) {
			got := m.ProtoReflect().New().Interface()
			if err := Unmarshal(Marshal(m), got); err != nil || !proto.Equal(got, m) {
				t.Errorf("%s: written %v, read %v, %v", name, m, got, err)
			}
		}
	}
}

func TestEverythingBetweenADaemonAndItsRunnerProcessComesBackAsItWent(t *testing.T) {
	for _, of := range []proto.Message{&ToRunner{}, &FromRunner{}} {
		for name, m := range wiretest.EachBody(of) {
			got := m.ProtoReflect().New().Interface()
			if err := Unmarshal(Marshal(m), got); err != nil || !proto.Equal(got, m) {
				t.Errorf("%s: sent %v, came %v, %v", name, m, got, err)
			}
		}
	}
}

func TestTheSameMessageIsAlwaysTheSameBytes(t *testing.T) {
	tags := map[string]string{}
	for _, k := range strings.Split("abcdefghijklmnop", "") {
		tags[k] = k
	}
	first := Marshal(&Row{Tags: tags})
	for range 100 {
		if again := Marshal(&Row{Tags: tags}); !bytes.Equal(first, again) {
			t.Fatalf("%x became %x", first, again)
		}
	}
}

func TestNoBytesAreTheEnginesEmptyEntry(t *testing.T) {
	if e, err := DecodeEntry(nil); err != nil || len(e.Commands) != 0 {
		t.Errorf("got %v, %v", e, err)
	}
}

func TestFramesThatAreRefused(t *testing.T) {
	echo := func(change func(*Envelope)) []byte {
		e := &Envelope{Version: StreamVersion, Body: &Envelope_Echo{Echo: &Echo{Nonce: 1}}}
		change(e)
		return Marshal(e)
	}
	for name, c := range map[string]struct {
		frame []byte
		want  error
	}{
		"nothing":               {nil, ErrMalformed},
		"no version":            {echo(func(e *Envelope) { e.Version = 0 }), ErrMalformed},
		"a later version":       {echo(func(e *Envelope) { e.Version = StreamVersion + 1 }), ErrVersion},
		"no body":               {echo(func(e *Envelope) { e.Body = nil }), ErrMalformed},
		"half a cluster ID":     {echo(func(e *Envelope) { e.Cluster = make([]byte, 8) }), ErrMalformed},
		"garbage":               {[]byte("GET / HTTP/1.1\r\n\r\n"), ErrMalformed},
		"a body of the future":  {append(echo(func(e *Envelope) { e.Body = nil }), 0xfa, 0x3f, 1, 'x'), ErrVersion},
		"a later version's own": {[]byte{0x08, StreamVersion + 1, 0xff, 0xff}, ErrVersion},
		"cut short":             {echo(func(*Envelope) {})[:4], ErrMalformed},
	} {
		e, err := DecodeEnvelope(c.frame)
		if !errors.Is(err, c.want) || e != nil {
			t.Errorf("%s: got %v, %v; wanted %v", name, e, err, c.want)
		}
	}
}

func TestTextThatIsNotUTF8IsNamedAndMended(t *testing.T) {
	for field, m := range map[string]proto.Message{
		"name": &Row{Name: "a\xff"},
		"argv": &Submit{Spec: &Spec{Argv: []string{"echo", "\xfe"}}},
		"tags": &MemberUp{Rows: []*Row{{Tags: map[string]string{"a": "b", "k\xff": "v"}}}},
	} {
		if err := CheckText(m); err == nil || !strings.HasPrefix(err.Error(), field+" ") {
			t.Errorf("%s: CheckText says %v", field, err)
		}
		before := proto.Clone(m)
		mended := m.ProtoReflect().New().Interface()
		if err := Unmarshal(Marshal(m), mended); err != nil || CheckText(mended) != nil {
			t.Errorf("%s: mended to %v, %v", field, mended, err)
		}
		if !proto.Equal(before, m) {
			t.Errorf("%s: Marshal changed its argument to %v", field, m)
		}
	}
	if err := CheckText(&Spec{Name: "é", Argv: []string{""}}); err != nil {
		t.Errorf("good text is refused: %v", err)
	}
}

// FuzzDecodeEnvelope: whatever comes is refused or is an envelope that goes out
// again and comes back the same.
func FuzzDecodeEnvelope(f *testing.F) {
	for _, e := range envelopes() {
		f.Add(EncodeEnvelope(e))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e *Envelope
		var err error
		alloctest.Within(t, allowance(len(b))/4+1024, func() { e, err = DecodeEnvelope(b) })
		if err != nil {
			if !errors.Is(err, ErrVersion) && !errors.Is(err, ErrMalformed) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if e.Body == nil || len(e.Cluster) != 0 && len(e.Cluster) != 16 {
			t.Fatalf("accepted %v", e)
		}
		again, err := DecodeEnvelope(EncodeEnvelope(e))
		if err != nil || !proto.Equal(e, again) {
			t.Fatalf("%v came back as %v, %v", e, again, err)
		}
	})
}

// FuzzDecodeEntry is the same for the payload of a log entry.
func FuzzDecodeEntry(f *testing.F) {
	for _, e := range entries() {
		f.Add(EncodeEntry(e))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e *Entry
		var err error
		alloctest.Within(t, MaxWeight/4, func() { e, err = DecodeEntry(b) })
		if err == nil {
			again, err := DecodeEntry(EncodeEntry(e))
			if err != nil || !proto.Equal(e, again) {
				t.Fatalf("%v came back as %v, %v", e, again, err)
			}
		}
	})
}

// FuzzUnmarshal is the same for every message that hb.proto has: whatever a
// disk, another member or the runner process may send, kind by kind.
func FuzzUnmarshal(f *testing.F) {
	kinds := File_hb_proto.Messages()
	for i := range kinds.Len() {
		for _, m := range wiretest.EachBody(newOf(kinds.Get(i))) {
			f.Add(uint16(i), Marshal(m))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint16, b []byte) {
		of := kinds.Get(int(kind) % kinds.Len())
		m, again := newOf(of), newOf(of)
		var err, long error
		alloctest.Within(t, allowance(len(b))/4+1024, func() { err = Unmarshal(b, m) })
		alloctest.Within(t, allowance(len(b))/4+1024, func() { long = UnmarshalLong(b, m) })
		if (err == nil) != (long == nil) {
			t.Fatalf("%v, and %v", err, long)
		}
		if err != nil {
			return
		}
		if err := Unmarshal(Marshal(m), again); err != nil || !proto.Equal(m, again) {
			t.Fatalf("%v came back as %v, %v", m, again, err)
		}
	})
}

func newOf(kind protoreflect.MessageDescriptor) proto.Message {
	of, err := protoregistry.GlobalTypes.FindMessageByName(kind.FullName())
	if err != nil {
		panic(err)
	}
	return of.New().Interface()
}
