package sim

import (
	"fmt"
	"slices"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// admissionBook holds who was let into the cluster by which token, and who was
// forgotten, as it follows from the log's commands alone: it judges what the ledger
// made of them.
type admissionBook struct {
	wall   int64
	tokens map[string]*badge
	in     map[core.NodeID]string // the public key under which a member was let in
	gone   map[core.NodeID]bool
	let    int // machines that were let in
	keys   uint32
	// stale is the generation that the last who was forgotten may know.
	stale uint32
}

// badge is a token.
type badge struct {
	expires int64
	uses    uint32
	revoked bool
	counted map[core.NodeID]bool
}

// see is one command and what the ledger made of it, in the order of the log.
func (b *admissionBook) see(wall int64, o *ledger.Outcome) error {
	if b.tokens == nil {
		b.tokens, b.in, b.gone = map[string]*badge{}, map[core.NodeID]string{}, map[core.NodeID]bool{}
	}
	b.wall = max(b.wall, wall)
	if o.Verdict != nil {
		return nil
	}
	switch c := o.Command.GetBody().(type) {
	case *wire.Command_CreateToken:
		t := c.CreateToken
		if b.tokens[string(t.Id)] == nil {
			b.tokens[string(t.Id)] = &badge{expires: b.wall + t.TtlNanos, uses: t.Uses, counted: map[core.NodeID]bool{}}
		}
	case *wire.Command_RevokeToken:
		b.tokens[string(c.RevokeToken.Id)].revoked = true
	case *wire.Command_Admit:
		return b.admitted(c.Admit)
	case *wire.Command_Forget:
		if id := core.NodeID(c.Forget.Node); !b.gone[id] { // else it is the same command again
			b.gone[id], b.stale = true, b.keys
		}
	case *wire.Command_RotateKey:
		b.keys = c.RotateKey.Generation
		return b.wrapped(c.RotateKey.Wraps)
	case *wire.Command_WrapKey:
		return b.wrapped(c.WrapKey.Wraps)
	}
	return nil
}

// admitted judges that a machine was let in.
func (b *admissionBook) admitted(a *wire.Admit) error {
	id, t := core.NodeID(a.Node), b.tokens[string(a.Token)]
	switch {
	case t == nil:
		return fmt.Errorf("%s (%v) was let in by token %x, which nobody has made", a.Name, id, a.Token)
	case b.gone[id]:
		return fmt.Errorf("%s (%v) was let in after it was forgotten", a.Name, id)
	case t.revoked:
		return fmt.Errorf("%s (%v) was let in by token %x after that was revoked", a.Name, id, a.Token)
	case b.in[id] != "" && b.in[id] != string(a.WrapKey):
		return fmt.Errorf("%s (%v) was let in under keys that are not those of before", a.Name, id)
	case t.counted[id]:
		return nil // it asks again
	case b.wall >= t.expires:
		return fmt.Errorf("%s (%v) was let in by token %x %d ns after that expired", a.Name, id, a.Token, b.wall-t.expires)
	case t.uses > 0 && len(t.counted) >= int(t.uses):
		return fmt.Errorf("%s (%v) was let in by token %x, by which %d of %d were before", a.Name, id, a.Token, len(t.counted), t.uses)
	}
	t.counted[id], b.in[id] = true, string(a.WrapKey)
	b.let++
	return nil
}

// wrapped judges for whom a key of datagrams is.
func (b *admissionBook) wrapped(wraps []*wire.WrappedKey) error {
	for _, w := range wraps {
		if id := core.NodeID(w.Node); b.gone[id] || b.in[id] != "" && b.in[id] != string(w.WrapKey) {
			return fmt.Errorf("a key is wrapped for %v, who was forgotten or has other keys", id)
		}
	}
	return nil
}

// ledger compares the members that the ledger has with those that were let in; the
// founders came with it.
func (b *admissionBook) ledger(s *ledger.State, founders []core.NodeID) error {
	for _, m := range s.Members() {
		id := core.NodeID(m.Row.Id)
		if m.State != ledger.Left && (b.gone[id] || b.in[id] == "" && !slices.Contains(founders, id)) {
			return fmt.Errorf("%s (%v) is a member, and was forgotten or never let in", m.Row.Name, id)
		}
	}
	for _, t := range s.Tokens() {
		if p := b.tokens[string(t.Id)]; p != nil && int(t.Used) < len(p.counted) {
			return fmt.Errorf("token %x let %d machines in, and counts %d", t.Id, len(p.counted), t.Used)
		}
	}
	return nil
}
