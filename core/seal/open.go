package seal

import "hb/core"

// senderID names whom a window is for: starts follow one another in it.
type senderID struct {
	node       core.NodeID
	generation Generation
}

// sender is what is remembered of one who was heard.
type sender struct {
	instance core.Instance
	all      direction // zero until it is needed
	pair     direction
	window   window
	heard    uint64 // when last, as Ring.heard counts
}

// Open gives back the plain datagram that was sealed, in the memory of b, which
// is worthless afterwards if it fails. The errors are those of this package;
// none of them leaves anything behind. With ErrOver the header can be believed.
func (r *Ring) Open(now core.Instant, b []byte) (h Header, plain []byte, err error) {
	r.Turn(now)
	if h, err = ReadHeader(b); err != nil {
		return h, nil, err
	}
	if len(b) < Overhead {
		return h, nil, ErrMalformed
	}
	k := r.key(h.Generation)
	if k == nil {
		return h, nil, ErrGeneration
	}
	id := senderID{h.From, h.Generation}
	known := r.senders[id]
	s := known
	switch {
	case known == nil, h.Instance != known.instance:
		s = &sender{instance: h.Instance}
	case !known.window.fresh(h.counter):
		return h, nil, ErrReplayed
	}
	way, ok := r.wayOf(k, s, h)
	if !ok {
		return h, nil, ErrForged
	}
	to := r.o.Self
	if h.All {
		to = 0
	}
	r.prepare(way, b, to, h.counter)
	body := b[headerSize:]
	if plain, err = way.aead.Open(body[:0], r.scratch.nonce[:], body, r.scratch.data[:]); err != nil {
		return h, nil, ErrForged
	}
	if known != nil && s.instance < known.instance {
		return h, nil, ErrOver
	}
	if s != known {
		r.remember(id, s)
	}
	s.window.see(h.counter)
	r.heard++
	s.heard = r.heard
	return h, plain, nil
}

// wayOf is how a sender seals; false if it claims to share a secret with this
// member, and does not.
func (r *Ring) wayOf(k *key, s *sender, h Header) (direction, bool) {
	if !h.Pair {
		if s.all.aead == nil {
			s.all = r.derive(k, h, nil, 0)
		}
		return s.all, true
	}
	if s.pair.aead == nil {
		shared, ok := r.shared(h.From)
		if !ok {
			return direction{}, false
		}
		s.pair = r.derive(k, h, shared, r.o.Self)
	}
	return s.pair, true
}

// remember makes room for a sender.
func (r *Ring) remember(id senderID, s *sender) {
	if _, there := r.senders[id]; !there && len(r.senders) >= MaxSenders {
		var silent senderID
		least := uint64(1<<64 - 1)
		// No two were heard at once, so that the least is one in any order.
		for other, o := range r.senders {
			if o.heard < least {
				silent, least = other, o.heard
			}
		}
		delete(r.senders, silent)
	}
	r.senders[id] = s
}
