package ledger

import (
	"testing"

	"hb/core"
	"hb/core/wire"
)

// wrapped is a key for members whose wrapping keys are 100 + id.
func wrapped(ids ...byte) (list []*wire.WrappedKey) {
	for _, id := range ids {
		list = append(list, &wire.WrappedKey{Node: uint64(id), WrapKey: key(100 + id), Sealed: key(id)})
	}
	return list
}

func rotation(g uint32, wraps []*wire.WrappedKey) *wire.Command {
	return &wire.Command{Body: &wire.Command_RotateKey{RotateKey: &wire.RotateKey{Generation: g, Wraps: wraps, Why: "a test"}}}
}

func wrapping(g uint32, wraps []*wire.WrappedKey) *wire.Command {
	return &wire.Command{Body: &wire.Command_WrapKey{WrapKey: &wire.WrapKey{Generation: g, Wraps: wraps}}}
}

// pair is a cluster of the members 1 and 2.
func pair(t *testing.T) *book {
	b := trusted(t)
	b.yes(makeToken(1, 1<<50, 0))
	b.yes(admitting(1, 2, "b"))
	b.yes(coming(2, "b"))
	return b
}

func TestAKeyReachesThoseForWhomItIsWrapped(t *testing.T) {
	b := pair(t)
	b.yes(rotation(1, wrapped(1)))
	if string(b.WrappedFor(1)) != string(key(1)) || b.WrappedFor(2) != nil || b.WrappedFor(3) != nil {
		t.Fatal("1 has a key, and nobody else")
	}
	b.yes(wrapping(1, wrapped(2)))
	if string(b.WrappedFor(1)) != string(key(1)) || string(b.WrappedFor(2)) != string(key(2)) {
		t.Fatal("both have the key")
	}
	again, err := Decode(b.Encode())
	if err != nil || string(again.WrappedFor(2)) != string(key(2)) || again.DatagramKey().Why != "a test" {
		t.Fatalf("%v, %v", again.DatagramKeys(), err)
	}
}

func TestKeysThatDoNotFitAreRefused(t *testing.T) {
	b := pair(t)
	b.no(core.CodeBusy, wrapping(0, wrapped(1)))
	b.no(core.CodeBusy, rotation(2, wrapped(1)))
	b.no(core.CodeBadInput, rotation(1, nil))
	b.no(core.CodeBadInput, rotation(1, wrapped(2, 1)))
	b.no(core.CodeBadInput, rotation(1, wrapped(1, 1)))
	b.no(core.CodeBusy, rotation(1, wrapped(1, 3)))
	other := wrapped(1, 2)
	other[1].WrapKey = key(9)
	b.no(core.CodeBusy, rotation(1, other))
	long := wrapped(1)
	long[0].Sealed = make([]byte, maxWrapBytes+1)
	b.no(core.CodeBadInput, rotation(1, long))
	b.yes(rotation(1, wrapped(1, 2)))
	b.no(core.CodeBusy, rotation(1, wrapped(1, 2)))
	b.no(core.CodeBusy, wrapping(2, wrapped(1)))
	b.no(core.CodeBadInput, wrapping(1, nil))
	newBook(t).no(core.CodeNo, rotation(1, wrapped(1)))
}

func TestAKeyThatSomebodyForgottenKnowsIsStale(t *testing.T) {
	b := pair(t)
	b.yes(rotation(1, wrapped(1, 2)))
	if b.KeyIsStale() {
		t.Fatal("nobody was forgotten")
	}
	b.yes(forget(2, 1, true))
	if !b.KeyIsStale() || b.WrappedFor(2) != nil {
		t.Fatal("the forgotten member knows it")
	}
	b.no(core.CodeBusy, rotation(2, wrapped(1, 2)))
	b.yes(rotation(2, wrapped(1)))
	if b.KeyIsStale() {
		t.Fatal("it knows only the last")
	}
}

func TestAFewGenerationsAreRememberedAndTheNewestIsWrapped(t *testing.T) {
	b := pair(t)
	for g := range uint32(2 * KeepKeys) {
		b.yes(rotation(g+1, wrapped(1, 2)))
	}
	list := b.DatagramKeys()
	if len(list) != KeepKeys || list[0].Generation != KeepKeys+1 || b.DatagramKey().Generation != 2*KeepKeys {
		t.Fatalf("%v", list)
	}
	for _, k := range list[:len(list)-1] {
		if len(k.Wraps) > 0 {
			t.Errorf("generation %d is kept with its wraps", k.Generation)
		}
	}
}
