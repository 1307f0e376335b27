package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/pki"
	"hb/core/seal"
	"hb/core/store"
	"hb/core/wire"
)

// ghost is a member that was forgotten and has all its files: its credentials, and
// what its log told it of keys and of the others.
type ghost struct {
	self    core.NodeID
	cluster core.ClusterID
	start   core.Instance
	others  []core.NodeID

	mu   sync.Mutex
	ring *seal.Ring
}

// haunting reads a data directory whose node does not run.
func haunting(data string) (*ghost, error) {
	own, err := pki.Load(data)
	if err != nil {
		return nil, err
	}
	st, found, err := store.OpenDir(data)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	g := &ghost{self: own.Identity.Node, cluster: own.Identity.Cluster, start: found.Instance}
	wraps := map[core.NodeID][]byte{} // the others' public keys
	if found.Snapshot != nil {
		state, err := ledger.Decode(found.Snapshot.Data)
		if err != nil {
			return nil, err
		}
		for _, c := range state.Credentials() {
			wraps[core.NodeID(c.Node)] = c.WrapKey
		}
	}
	g.ring = seal.New(seal.Options{ // its counter is beyond all that the member itself has used
		Cluster: wire.TagOf(g.cluster, 0), Self: g.self, Instance: g.start, Start: math.MaxUint32,
		Shared: func(id core.NodeID) ([]byte, bool) {
			secret, err := own.Keys.Shared(wraps[id])
			return secret.Reveal(), err == nil
		},
	})
	for _, e := range found.Entries {
		batch := &wire.Entry{}
		if wire.Unmarshal(e.Data, batch) != nil {
			continue
		}
		for _, c := range batch.Commands {
			if a := c.GetAdmit(); a != nil {
				wraps[core.NodeID(a.Node)] = a.WrapKey
			}
			g.learn(own.Keys, c)
		}
	}
	for id := range wraps {
		if id != g.self {
			g.others = append(g.others, id)
		}
	}
	if g.ring.Newest() == 0 || len(g.others) == 0 {
		return nil, errors.New("its log has no key for datagrams that it can read, or nobody else")
	}
	return g, nil
}

// learn takes the key out of a command that brings one.
func (g *ghost) learn(keys *pki.Keys, c *wire.Command) {
	generation, wraps := c.GetRotateKey().GetGeneration(), c.GetRotateKey().GetWraps()
	if w := c.GetWrapKey(); w != nil {
		generation, wraps = w.Generation, w.Wraps
	}
	for _, w := range wraps {
		if w.Node != uint64(g.self) {
			continue
		}
		if key, err := keys.Open(fmt.Sprintf("datagrams of %s, generation %d", g.cluster, generation), w.Sealed); err == nil {
			g.ring.Learn(core.Instant(0), seal.Generation(generation), key.Reveal())
			g.ring.Hurry(core.Instant(0))
		}
	}
}

// gossip says, sealed with the last key that it had, that it is back, that others
// are dead, and what a leader would say.
func gossip(ctx context.Context, to string, c *counts) {
	target, g := netip.MustParseAddrPort(to), c.ghost
	kinds := []wire.Kind{wire.KindPing, wire.KindBulletin, wire.KindLoadReport, wire.KindHeartbeat, wire.KindEngineBeat}
	c.pace(ctx, func() (packet, bool) {
		of := g.others[rand.IntN(len(g.others))]
		said := wire.Packet{
			Kind: kinds[rand.IntN(len(kinds))], Cluster: wire.TagOf(g.cluster, 0), From: g.self, Instance: g.start, Nonce: rand.Uint64(), Target: of,
			Log:  wire.LogHint{Commit: 1 << 40, Leader: g.self, Term: 1 << 30},
			Load: core.Load{Slots: 100}, News: []wire.News{{ID: of, Status: core.Dead, Instance: 1, Accuser: g.self, Why: wire.ReasonRefused}},
			Engine: wire.EngineBeat{From: 1, To: 2, Term: 1 << 30, Commit: 1 << 40},
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		whom := of // it may be for whoever hears it, or not
		if rand.IntN(2) == 0 {
			whom = 0
		}
		data, ok := g.ring.Seal(core.Instant(time.Hour), nil, whom, whom != 0, wire.AppendPacket(nil, &said))
		return packet{from: c.source(packet{}), to: target, data: data}, ok
	})
}
