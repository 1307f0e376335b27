package seal

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/alloctest"
	"hb/core/wire"
)

var cluster = wire.Tag{1, 2, 3}

func secretOf(b byte) []byte { return bytes.Repeat([]byte{b}, keySize) }

// shared is a secret of any two.
func shared(a, b core.NodeID) []byte { return secretOf(byte(a) ^ byte(b)) }

// ring is a member that knows the first generation.
func ring(id core.NodeID, instance core.Instance) *Ring {
	r := New(Options{Cluster: cluster, Self: id, Instance: instance, Start: uint32(id) * 77,
		Shared: func(other core.NodeID) ([]byte, bool) { return shared(id, other), other < 100 }})
	r.Learn(0, 1, secretOf(1))
	return r
}

func (r *Ring) mustSeal(t testing.TB, now core.Instant, to core.NodeID, pair bool, text string) []byte {
	t.Helper()
	b, ok := r.Seal(now, nil, to, pair, []byte(text))
	if !ok {
		t.Fatal("nothing to seal with")
	}
	return b
}

// opens wants a datagram to be opened, or to be refused for a reason.
func (r *Ring) opens(t testing.TB, now core.Instant, sealed []byte, want error) {
	t.Helper()
	_, plain, err := r.Open(now, bytes.Clone(sealed))
	if !errors.Is(err, want) || (err == nil) != (plain != nil) {
		t.Fatalf("%q, %v; want %v", plain, err, want)
	}
}

func TestWhatAMemberSealsAnotherOpensOnce(t *testing.T) {
	a, b := ring(1, 5), ring(2, 9)
	for _, pair := range []bool{false, true} {
		sealed := a.mustSeal(t, 0, 2, pair, "news")
		if len(sealed) != len("news")+Overhead || bytes.Contains(sealed, []byte("news")) {
			t.Fatalf("%q", sealed)
		}
		h, plain, err := b.Open(0, bytes.Clone(sealed))
		if err != nil || string(plain) != "news" || h.From != 1 || h.Instance != 5 || h.Pair != pair || h.All {
			t.Fatalf("%+v %q %v", h, plain, err)
		}
		b.opens(t, 0, sealed, ErrReplayed)
	}
}

func TestTheRoomThatPacketsLeaveIsEnough(t *testing.T) {
	if Overhead > wire.MaxPacket-wire.PlainPacket {
		t.Fatalf("sealing adds %d bytes", Overhead)
	}
}

func TestADatagramIsForWhomItIsSealed(t *testing.T) {
	a, b, c := ring(1, 1), ring(2, 1), ring(3, 1)
	toB, toAll, pair := a.mustSeal(t, 0, 2, false, "b"), a.mustSeal(t, 0, 0, false, "all"), a.mustSeal(t, 0, 2, true, "b")
	c.opens(t, 0, toB, ErrForged)
	c.opens(t, 0, pair, ErrForged)
	c.opens(t, 0, toAll, nil)
	b.opens(t, 0, toAll, nil)
	toB[3] |= flagAll
	b.opens(t, 0, toB, ErrForged)
}

func TestAMemberCannotSealInTheNameOfAnotherForAPair(t *testing.T) {
	mallory := ring(1, 1) // says that it is 1, and knows no secret of 1
	mallory.o.Shared = func(core.NodeID) ([]byte, bool) { return secretOf(99), true }
	b := ring(2, 1)
	b.opens(t, 0, mallory.mustSeal(t, 0, 2, false, "x"), nil)
	b.opens(t, 0, mallory.mustSeal(t, 0, 2, true, "x"), ErrForged)
	if _, ok := b.Seal(0, nil, 200, true, []byte("x")); ok {
		t.Fatal("a pair with whom nothing is shared")
	}
}

func TestAnotherClusterOpensNothing(t *testing.T) {
	a := ring(1, 1)
	b := New(Options{Cluster: wire.Tag{9}, Self: 2, Instance: 1})
	b.Learn(0, 1, secretOf(1))
	b.opens(t, 0, a.mustSeal(t, 0, 2, false, "x"), ErrForged)
}

// Every bit counts, and every byte must be there.
func TestNothingThatWasChangedIsOpenedAndNothingIsRememberedOfIt(t *testing.T) {
	a, b := ring(1, 1), ring(2, 1)
	sealed := a.mustSeal(t, 0, 2, false, "some plain text")
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		if _, _, err := b.Open(0, bad); err == nil {
			t.Fatalf("bit %d changed", i)
		}
	}
	for n := range sealed {
		if _, _, err := b.Open(0, bytes.Clone(sealed[:n])); err == nil {
			t.Fatalf("cut to %d bytes", n)
		}
	}
	b.opens(t, 0, append(bytes.Clone(sealed), 0), ErrForged)
	if len(b.senders) != 0 {
		t.Fatalf("%d senders are remembered", len(b.senders))
	}
	b.opens(t, 0, sealed, nil)
}

func TestMadeUpSendersLeaveNothing(t *testing.T) {
	b := ring(2, 1)
	h := Header{Generation: 1, Instance: 1}
	for i := range 1000 {
		h.From, h.counter = core.NodeID(1000+i), uint64(i)
		b.opens(t, 0, append(appendHeader(nil, &h), make([]byte, 60)...), ErrForged)
	}
	if len(b.senders) != 0 {
		t.Fatalf("%d senders are remembered", len(b.senders))
	}
}

func TestSendersAreBounded(t *testing.T) {
	b := ring(2, 1)
	for i := range MaxSenders {
		b.remember(senderID{core.NodeID(10 + i), 1}, &sender{heard: uint64(i + 1)})
	}
	b.heard = MaxSenders
	b.opens(t, 0, ring(1, 1).mustSeal(t, 0, 2, false, "x"), nil)
	if _, there := b.senders[senderID{10, 1}]; there || len(b.senders) != MaxSenders {
		t.Fatalf("%d senders, the one that was silent for longest among them: %v", len(b.senders), there)
	}
}

func TestANewStartOpensAndTheOldOneIsOver(t *testing.T) {
	b := ring(2, 1)
	old, again := ring(1, 1), ring(1, 2)
	early, late := old.mustSeal(t, 0, 2, false, "1"), old.mustSeal(t, 0, 2, false, "2")
	b.opens(t, 0, early, nil)
	b.opens(t, 0, again.mustSeal(t, 0, 2, false, "3"), nil)
	b.opens(t, 0, late, ErrOver)
	b.opens(t, 0, early, ErrOver)
	late[len(late)-1] ^= 1
	b.opens(t, 0, late, ErrForged)
}

// Two starts, or two processes with one directory, never meet on a key and a
// nonce.
func TestNoncesDoNotRepeat(t *testing.T) {
	first, next, copied := ring(1, 1), ring(1, 2), ring(1, 1)
	copied.counter = uint64(12345) << 32
	text := bytes.Repeat([]byte("same"), 30)
	seen := map[string]bool{}
	for _, r := range []*Ring{first, next, copied} {
		for range 50 {
			b, _ := r.Seal(0, nil, 2, false, text)
			if seen[string(b[headerSize:])] {
				t.Fatal("the same text looks the same twice")
			}
			seen[string(b[headerSize:])] = true
		}
	}
	if first.keys[0].own.salt == next.keys[0].own.salt {
		t.Fatal("two starts have one key")
	}
}

func TestARotationLosesNothingWhileMembersHearOfItOneAfterAnother(t *testing.T) {
	a, b := ring(1, 1), ring(2, 1)
	second := core.Instant(time.Second)
	a.Learn(0, 2, secretOf(2))
	for now := core.Instant(0); now < 20*second; now += second / 2 {
		if now == 2*second+second/2 { // b hears of it only now
			b.Learn(now, 2, secretOf(2))
		}
		b.opens(t, now, a.mustSeal(t, now, 2, false, "x"), nil)
		a.opens(t, now, b.mustSeal(t, now, 1, false, "x"), nil)
	}
	if a.Newest() != 2 || len(a.keys) != 1 || len(a.senders) != 1 {
		t.Fatalf("of the old key there are left: %d keys, %d senders", len(a.keys), len(a.senders))
	}
}

func TestTheOldKeyOpensNothingAfterItsGrace(t *testing.T) {
	a, forgotten := ring(1, 1), ring(2, 1)
	a.Learn(0, 2, secretOf(2))
	end := core.Instant(Grace)
	a.opens(t, end-1, forgotten.mustSeal(t, end-1, 1, false, "x"), nil)
	a.opens(t, end, forgotten.mustSeal(t, end, 1, false, "x"), ErrGeneration)
	forgotten.opens(t, end, a.mustSeal(t, end, 2, false, "x"), ErrGeneration)
	if !forgotten.Accepts(1) || a.Accepts(1) {
		t.Fatal("who did not hear of a rotation goes on with the old key, who did does not")
	}
}

func TestWhoWasAsleepSealsWithTheNewKeyAtOnce(t *testing.T) {
	late := ring(1, 1)
	late.Learn(0, 2, secretOf(2))
	late.Hurry(0)
	if h, _ := ReadHeader(late.mustSeal(t, 0, 2, false, "x")); h.Generation != 2 {
		t.Fatalf("%+v", h)
	}
}

func TestRotationsOnTheHeelsOfOneAnotherAreBounded(t *testing.T) {
	a := ring(1, 1)
	for g := Generation(2); g < 20; g++ {
		a.Learn(core.Instant(g), g, secretOf(byte(g)))
		a.Learn(core.Instant(g), 1, secretOf(9)) // an old one changes nothing
	}
	if len(a.keys) != maxKeys || a.Newest() != 19 {
		t.Fatalf("%d keys, newest %d", len(a.keys), a.Newest())
	}
}

// The window says of every counter what a memory without bounds would say, but
// for those that are too old.
func TestTheWindowRemembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		seen := map[uint64]bool{}
		at := rapid.Uint64Range(0, math.MaxUint64/2).Draw(t, "start")
		for range rapid.IntRange(1, 300).Draw(t, "n") {
			step := rapid.OneOf(rapid.Int64Range(-2000, 100), rapid.Int64Range(-3, 3), rapid.Int64Range(0, 5000)).Draw(t, "step")
			counter := at + uint64(step)
			if step < 0 && uint64(-step) > at {
				counter = 0
			}
			old := w.begun && counter < w.highest && w.highest-counter >= windowSize
			if want := !seen[counter] && !old; w.fresh(counter) != want {
				t.Fatalf("counter %d with highest %d: fresh %v", counter, w.highest, !want)
			} else if want {
				w.see(counter)
				seen[counter] = true
			}
			at = max(at, counter)
		}
	})
}

func TestOpeningDoesNotAllocateAndSealingOnlyItsResult(t *testing.T) {
	a, b := ring(1, 1), ring(2, 1)
	plain := make([]byte, 100)
	first, _ := a.Seal(0, nil, 2, false, plain)
	b.opens(t, 0, first, nil)
	buf := make([]byte, 0, 200)
	var failed error
	if n := testing.AllocsPerRun(100, func() {
		sealed, _ := a.Seal(0, buf, 2, false, plain)
		if _, _, err := b.Open(0, sealed); err != nil {
			failed = err
		}
	}); n != 0 || failed != nil {
		t.Fatalf("%v allocations, %v", n, failed)
	}
}

// FuzzOpen throws bytes at a ring that has heard one member. None may be opened
// but what was sealed.
func FuzzOpen(f *testing.F) {
	a := ring(1, 1)
	sealed := a.mustSeal(f, 0, 2, false, "a plain datagram")
	f.Add(sealed)
	f.Add(a.mustSeal(f, 0, 0, false, "for all"))
	f.Add(a.mustSeal(f, 0, 2, true, "for a pair"))
	f.Add(sealed[:Overhead])
	f.Add(sealed[:headerSize])
	f.Add([]byte("hs"))
	f.Add([]byte("hb\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := New(Options{Cluster: cluster, Self: 3, Instance: 1, Shared: func(core.NodeID) ([]byte, bool) { return secretOf(5), true }})
		b.Learn(0, 1, secretOf(7)) // another key than all seeds are sealed with
		alloctest.Within(t, 1400, func() {
			if h, plain, err := b.Open(0, data); err == nil {
				t.Fatalf("%+v opened: %q", h, plain)
			}
		})
		if len(b.senders) != 0 {
			t.Fatal("a sender is remembered")
		}
	})
}

func benchmark(b *testing.B, size int, pair bool) {
	a, c := ring(1, 1), ring(2, 1)
	plain, buf := make([]byte, size), make([]byte, 0, size+Overhead)
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		sealed, _ := a.Seal(0, buf, 2, pair, plain)
		if _, _, err := c.Open(0, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealAndOpen100(b *testing.B)  { benchmark(b, 100, false) }
func BenchmarkSealAndOpen1200(b *testing.B) { benchmark(b, 1200, false) }

func BenchmarkSeal100(b *testing.B) {
	a, plain := ring(1, 1), make([]byte, 100)
	buf := make([]byte, 0, 100+Overhead)
	b.ReportAllocs()
	for b.Loop() {
		a.Seal(0, buf, 2, false, plain)
	}
}

// BenchmarkForged is what one datagram of a flood costs: in a made-up name, and
// in that of a member.
func BenchmarkForged(b *testing.B) {
	for _, known := range []bool{false, true} {
		name := "made up"
		if known {
			name = "member"
		}
		b.Run(name, func(b *testing.B) {
			a, c := ring(1, 1), ring(2, 1)
			first := a.mustSeal(b, 0, 2, false, "x")
			if known {
				c.opens(b, 0, first, nil)
			}
			h := Header{Generation: 1, From: 1, Instance: 1, counter: 1 << 62}
			forged := append(appendHeader(nil, &h), make([]byte, 100)...)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := c.Open(0, forged); err == nil {
					b.Fatal("opened")
				}
			}
		})
	}
}
