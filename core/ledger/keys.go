package ledger

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// This file is the keys that datagrams are sealed with (core/seal): each
// generation comes with one entry, wrapped to the key of every member, and is in
// the log in no other form. Only the newest is kept with its wraps.

const (
	// KeepKeys is how many generations are remembered, for people.
	KeepKeys = 10

	maxWrapBytes = 256
	maxWhyBytes  = 256
)

// DatagramKeys are the generations that are remembered, oldest first; read only.
func (s *State) DatagramKeys() []*wire.DatagramKey { return s.keys }

// DatagramKey is the newest generation; nil: there is none yet.
func (s *State) DatagramKey() *wire.DatagramKey {
	if len(s.keys) == 0 {
		return nil
	}
	return s.keys[len(s.keys)-1]
}

// WrappedFor is the newest generation's key as a member can read it; nil if it
// is not wrapped to the key that the member was let in with.
func (s *State) WrappedFor(id core.NodeID) []byte {
	c, known := s.Credential(id)
	k := s.DatagramKey()
	if !known || k == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(k.Wraps, uint64(id), func(w *wire.WrappedKey, id uint64) int { return cmp.Compare(w.Node, id) })
	if !found || !bytes.Equal(k.Wraps[i].WrapKey, c.WrapKey) {
		return nil
	}
	return k.Wraps[i].Sealed
}

// KeyIsStale says that somebody was forgotten since the newest key was made, who
// knows it.
func (s *State) KeyIsStale() bool {
	n := len(s.tombstones)
	return n > 0 && s.DatagramKey() != nil && s.tombstones[n-1].Index >= s.DatagramKey().Index
}

// applyToKeys carries out a command about keys, and says whether it was one.
func (s *State) applyToKeys(o *Outcome) bool {
	switch b := o.Command.GetBody().(type) {
	case *wire.Command_RotateKey:
		o.Verdict = s.rotateKey(b.RotateKey)
	case *wire.Command_WrapKey:
		o.Verdict = s.wrapKey(b.WrapKey)
	default:
		return false
	}
	return true
}

// rotateKey takes in the next generation. It is refused if it would reach anybody
// who is no member any more.
func (s *State) rotateKey(c *wire.RotateKey) *wire.Verdict {
	if v := s.noAuthority(); v != nil {
		return v
	}
	var last uint32
	if k := s.DatagramKey(); k != nil {
		last = k.Generation
	}
	switch {
	case c.GetGeneration() != last+1:
		return refuse(core.CodeBusy, "generation %d of the key cannot follow %d: another rotation came first", c.GetGeneration(), last)
	case len(c.Wraps) == 0 || len(c.Why) > maxWhyBytes:
		return refuse(core.CodeBadInput, "a key for nobody, or a reason of %d bytes", len(c.Why))
	}
	if v := s.judgeWraps(c.Wraps); v != nil {
		return v
	}
	kept := s.keys[max(0, len(s.keys)-KeepKeys+1):]
	next := make([]*wire.DatagramKey, 0, len(kept)+1)
	for _, k := range kept {
		next = append(next, &wire.DatagramKey{Generation: k.Generation, SinceNanos: k.SinceNanos, Index: k.Index, Why: k.Why})
	}
	s.keys = append(next, &wire.DatagramKey{
		Generation: c.Generation, Wraps: c.Wraps, SinceNanos: s.wall, Index: s.applied, Why: c.Why,
	})
	return nil
}

// wrapKey gives the newest key to further members.
func (s *State) wrapKey(c *wire.WrapKey) *wire.Verdict {
	k := s.DatagramKey()
	if k == nil || c.GetGeneration() != k.Generation {
		return refuse(core.CodeBusy, "generation %d of the key is not the newest", c.GetGeneration())
	}
	if len(c.Wraps) == 0 {
		return refuse(core.CodeBadInput, "a key for nobody")
	}
	if v := s.judgeWraps(c.Wraps); v != nil {
		return v
	}
	next := proto.CloneOf(k)
	next.Wraps = slices.DeleteFunc(slices.Clone(k.Wraps), func(old *wire.WrappedKey) bool {
		_, known := s.Credential(core.NodeID(old.Node))
		return !known || slices.ContainsFunc(c.Wraps, func(w *wire.WrappedKey) bool { return w.Node == old.Node })
	})
	next.Wraps = append(next.Wraps, c.Wraps...)
	slices.SortFunc(next.Wraps, byNode)
	s.keys = append(slices.Clone(s.keys[:len(s.keys)-1]), next)
	return nil
}

func byNode(a, b *wire.WrappedKey) int { return cmp.Compare(a.Node, b.Node) }

// judgeWraps wants each to be sealed to the key of somebody who was let in.
func (s *State) judgeWraps(wraps []*wire.WrappedKey) *wire.Verdict {
	for i, w := range wraps {
		c, known := s.Credential(core.NodeID(w.GetNode()))
		switch {
		case !known || !bytes.Equal(c.WrapKey, w.WrapKey):
			return refuse(core.CodeBusy, "the key is wrapped for %v, who is no member any more, or has other keys", core.NodeID(w.GetNode()))
		case len(w.Sealed) == 0 || len(w.Sealed) > maxWrapBytes || i > 0 && wraps[i-1].Node >= w.Node:
			return refuse(core.CodeBadInput, "a wrapped key of %d bytes, or out of order", len(w.Sealed))
		}
	}
	return nil
}

// checkKeys is Check's part about all this.
func (s *State) checkKeys() error {
	if len(s.keys) > KeepKeys || len(s.keys) > 0 && len(s.admission.authority) == 0 {
		return fmt.Errorf("%d generations of keys, and an authority of %d bytes", len(s.keys), len(s.admission.authority))
	}
	for i, k := range s.keys {
		newest := i == len(s.keys)-1
		switch {
		case k.Generation == 0 || i > 0 && k.Generation != s.keys[i-1].Generation+1 || k.Index > s.applied:
			return fmt.Errorf("generation %d of the key, of entry %d, is out of order", k.Generation, k.Index)
		case newest == (len(k.Wraps) == 0) || !slices.IsSortedFunc(k.Wraps, byNode):
			return fmt.Errorf("generation %d of the key has %d wraps, or they are out of order", k.Generation, len(k.Wraps))
		}
	}
	return nil
}
