package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"hb/core"
	"hb/core/wire"
)

const (
	// Settle is how long a member that knows a new key still seals with the last.
	Settle = 3 * time.Second
	// Grace is how long it opens what is sealed with the last.
	Grace = 10 * time.Second
	// MaxSenders is how many senders are remembered.
	MaxSenders = 8192

	// maxKeys bounds the generations that are opened at a time: rotations one on
	// the heels of the other.
	maxKeys = 4
)

// Options is what a ring is made from.
type Options struct {
	// Cluster is the tag that datagrams carry: another one opens nothing.
	Cluster wire.Tag
	// Self and Instance are who seals. No two rings may be made with the same of
	// both.
	Self     core.NodeID
	Instance core.Instance
	// Start is a random number: the upper half of where the counter begins.
	Start uint32
	// Shared gives the secret that this member and another one have in common;
	// nil: there are no pairs.
	Shared func(core.NodeID) ([]byte, bool)
}

// Ring seals and opens one member's datagrams. Not for concurrent use.
type Ring struct {
	o       Options
	counter uint64
	keys    []key // oldest first: the newest, and those that it replaces
	senders map[senderID]*sender
	heard   uint64 // counts what was opened
	scratch scratch
}

// key is one generation.
type key struct {
	generation Generation
	secret     func() []byte // a function, so that nothing that prints a ring prints it
	from       core.Instant  // seals from here on
	until      core.Instant  // opens until here; Never while it is the newest
	own        direction     // how this member seals for all
	pairs      map[core.NodeID]direction
}

// direction is one start's way of sealing.
type direction struct {
	aead cipher.AEAD
	salt [saltSize]byte
}

// scratch keeps what the ciphers read off the heap.
type scratch struct {
	nonce [nonceSize]byte
	data  [headerSize + 16]byte // associated
}

// New makes a ring without keys.
func New(o Options) *Ring {
	return &Ring{o: o, counter: uint64(o.Start>>1) << 32, senders: map[senderID]*sender{}}
}

// Learn takes in a generation's key, of 32 bytes. The first seals at once, a
// later one after Settle. One that is known, or older than the newest, changes
// nothing.
func (r *Ring) Learn(now core.Instant, g Generation, secret []byte) {
	if len(secret) != keySize || g == 0 {
		panic(fmt.Sprintf("seal: a key of %d bytes for generation %d", len(secret), g))
	}
	r.Turn(now)
	kept := slices.Clone(secret)
	k := key{generation: g, secret: func() []byte { return kept }, from: now, until: core.Never, pairs: map[core.NodeID]direction{}}
	if n := len(r.keys); n > 0 {
		last := &r.keys[n-1]
		if g <= last.generation {
			return
		}
		last.until, k.from = now.Add(Grace), now.Add(Settle)
	}
	k.own = r.derive(&k, Header{From: r.o.Self, Instance: r.o.Instance, Generation: g}, nil, 0)
	if r.keys = append(r.keys, k); len(r.keys) > maxKeys {
		r.drop(r.keys[0].generation)
	}
}

// Hurry seals with the newest key from now on: others do so already.
func (r *Ring) Hurry(now core.Instant) {
	if n := len(r.keys); n > 0 {
		r.keys[n-1].from = min(r.keys[n-1].from, now)
	}
}

// Newest is the latest generation that is known; 0: none.
func (r *Ring) Newest() Generation {
	if len(r.keys) == 0 {
		return 0
	}
	return r.keys[len(r.keys)-1].generation
}

// Secret is the newest generation's key; nil: none is known.
func (r *Ring) Secret() []byte {
	if len(r.keys) == 0 {
		return nil
	}
	return r.keys[len(r.keys)-1].secret()
}

// Accepts says whether a generation is opened.
func (r *Ring) Accepts(g Generation) bool { return r.key(g) != nil }

// Turn lets time pass: a key whose time is over is forgotten.
func (r *Ring) Turn(now core.Instant) {
	for len(r.keys) > 1 && now >= r.keys[0].until {
		r.drop(r.keys[0].generation)
	}
}

// Drop forgets the newest generation, which was none; the one before is the newest
// again.
func (r *Ring) Drop() {
	r.drop(r.Newest())
	if n := len(r.keys); n > 0 {
		r.keys[n-1].from, r.keys[n-1].until = 0, core.Never
	}
}

// drop forgets a generation and who was heard in it.
func (r *Ring) drop(g Generation) {
	for i := range r.keys {
		if r.keys[i].generation == g {
			clear(r.keys[i].secret())
			r.keys = append(r.keys[:i:i], r.keys[i+1:]...)
			break
		}
	}
	for id := range r.senders { // each by itself
		if id.generation == g {
			delete(r.senders, id)
		}
	}
}

func (r *Ring) key(g Generation) *key {
	for i := range r.keys {
		if r.keys[i].generation == g {
			return &r.keys[i]
		}
	}
	return nil
}

// Rekeyed says that a member has another wrapping key than before.
func (r *Ring) Rekeyed(id core.NodeID) {
	for i := range r.keys {
		delete(r.keys[i].pairs, id)
		if s, heard := r.senders[senderID{id, r.keys[i].generation}]; heard {
			s.pair = direction{}
		}
	}
}

// sealing is the key to seal with; nil: there is none.
func (r *Ring) sealing(now core.Instant) *key {
	for i := len(r.keys) - 1; i >= 0; i-- {
		if i == 0 || r.keys[i].from <= now {
			return &r.keys[i]
		}
	}
	return nil
}

// derive makes a start's way of sealing; for the receiver alone if there is a
// shared secret.
func (r *Ring) derive(k *key, h Header, shared []byte, to core.NodeID) direction {
	info := append(make([]byte, 0, 64), "hb datagram"...)
	info = binary.BigEndian.AppendUint32(info, uint32(h.Generation))
	info = binary.BigEndian.AppendUint64(info, uint64(h.From))
	info = binary.BigEndian.AppendUint32(info, uint32(h.Instance))
	secret := k.secret()
	if shared != nil {
		info = binary.BigEndian.AppendUint64(info, uint64(to))
		secret = append(append(make([]byte, 0, len(secret)+len(shared)), secret...), shared...)
	}
	b, err := hkdf.Key(sha256.New, secret, r.o.Cluster[:], string(info), keySize+saltSize)
	if err != nil {
		panic(fmt.Sprintf("seal: no key: %v", err))
	}
	block, err := aes.NewCipher(b[:keySize])
	if err != nil {
		panic(fmt.Sprintf("seal: no cipher: %v", err))
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("seal: no AEAD: %v", err))
	}
	return direction{aead: aead, salt: [saltSize]byte(b[keySize:])}
}

// Seal appends a plain datagram, sealed for one member or, with to zero, for
// all. With pair, nobody but the two can have made it. Not ok while there is no
// key, or no secret that the two share. The plain bytes must not overlap dst.
func (r *Ring) Seal(now core.Instant, dst []byte, to core.NodeID, pair bool, plain []byte) (sealed []byte, ok bool) {
	k := r.sealing(now)
	if k == nil {
		return dst, false
	}
	way := k.own
	if pair {
		if way, ok = r.pairTo(k, to); !ok {
			return dst, false
		}
	}
	r.counter++
	h := Header{Generation: k.generation, From: r.o.Self, Instance: r.o.Instance, All: to == 0, Pair: pair, counter: r.counter}
	start := len(dst)
	dst = appendHeader(dst, &h)
	r.prepare(way, dst[start:], to, h.counter)
	return way.aead.Seal(dst, r.scratch.nonce[:], plain, r.scratch.data[:]), true
}

// pairTo is how this member seals for another one alone.
func (r *Ring) pairTo(k *key, to core.NodeID) (way direction, ok bool) {
	if way, ok = k.pairs[to]; ok {
		return way, true
	}
	shared, ok := r.shared(to)
	if !ok {
		return way, false
	}
	way = r.derive(k, Header{From: r.o.Self, Instance: r.o.Instance, Generation: k.generation}, shared, to)
	k.pairs[to] = way
	return way, true
}

func (r *Ring) shared(with core.NodeID) ([]byte, bool) {
	if r.o.Shared == nil || with == 0 {
		return nil, false
	}
	return r.o.Shared(with)
}

// prepare lays out nonce and associated data.
func (r *Ring) prepare(way direction, header []byte, to core.NodeID, counter uint64) {
	copy(r.scratch.nonce[:], way.salt[:])
	binary.BigEndian.PutUint64(r.scratch.nonce[saltSize:], counter)
	n := copy(r.scratch.data[:], header[:headerSize])
	n += copy(r.scratch.data[n:], r.o.Cluster[:])
	binary.BigEndian.PutUint64(r.scratch.data[n:], uint64(to))
}
