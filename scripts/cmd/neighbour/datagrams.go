package main

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/seal"
	"hb/core/wire"
)

// burst is how many datagrams leave before the pace is looked at.
const burst = 16

// pace sends a burst, and then rests so that no more leave than --rate says.
func (c *counts) pace(ctx context.Context, next func() (packet, bool)) {
	began := time.Now()
	for range burst {
		if p, ok := next(); ok {
			c.sent.Add(int64(c.spoof.send(p)))
			c.datagrams.Add(1)
		}
	}
	if c.rate <= 0 {
		return
	}
	select {
	case <-time.After(time.Until(began.Add(burst * time.Second / time.Duration(c.rate)))):
	case <-ctx.Done():
	}
}

// source is this machine, or in one of three cases a member whose datagram was
// heard.
func (c *counts) source(p packet) netip.AddrPort {
	if rand.IntN(3) == 0 && p.from.IsValid() {
		return p.from
	}
	return netip.AddrPortFrom(c.ear.own, uint16(1024+rand.IntN(60_000)))
}

// replay sends what it has heard once more: whole, cut, lengthened or with a bit
// changed, to the same member or another, in the sender's name or its own, in no
// order.
func replay(ctx context.Context, to string, c *counts) {
	target := netip.MustParseAddrPort(to)
	c.pace(ctx, func() (packet, bool) {
		p, ok := c.ear.any()
		if !ok || len(p.data) == 0 {
			return p, false
		}
		if rand.IntN(2) == 0 {
			p.to = target
		}
		switch p.from = c.source(p); rand.IntN(6) {
		case 0:
			p.data = p.data[:rand.IntN(len(p.data))]
		case 1:
			p.data = append(p.data, byte(rand.Uint32()))
		case 2:
			p.data[rand.IntN(len(p.data))] ^= 1 << rand.IntN(8)
		case 3: // a later generation, or a later start
			if at := 4 + 12*rand.IntN(2); len(p.data) > at+4 {
				binary.BigEndian.PutUint32(p.data[at:], binary.BigEndian.Uint32(p.data[at:])+uint32(1+rand.IntN(3)))
			}
		}
		return p, true
	})
}

// forge says, in a member's name and without a seal, that another is dead or has
// left, or what a leader would say. Whom there is it reads from headers.
func forge(ctx context.Context, to string, c *counts) {
	target := netip.MustParseAddrPort(to)
	c.pace(ctx, func() (packet, bool) {
		p, _ := c.ear.any()
		other, ok := c.ear.any()
		by, bad := seal.ReadHeader(p.data)
		of, worse := seal.ReadHeader(other.data)
		if !ok || bad != nil || worse != nil {
			return p, false
		}
		kinds := []wire.Kind{wire.KindPing, wire.KindBulletin, wire.KindLoadReport, wire.KindEcho, wire.KindHeartbeat, wire.KindEngineBeat}
		said := wire.Packet{
			Kind: kinds[rand.IntN(len(kinds))], Cluster: c.ear.tag(), From: by.From, Instance: by.Instance, Nonce: rand.Uint64(), Target: of.From,
			Log:  wire.LogHint{Commit: 1 << 40, Leader: of.From, Term: 1 << 30},
			Load: core.Load{Stress: 1000, Slots: 1}, News: []wire.News{{ID: of.From, Status: core.Left, Instance: of.Instance}},
			Engine: wire.EngineBeat{From: 1, To: 2, Term: 1 << 30, Commit: 1 << 40},
		}
		if rand.IntN(2) == 0 {
			said.News[0] = wire.News{ID: of.From, Status: core.Dead, Instance: of.Instance, Accuser: by.From, Why: wire.ReasonRefused}
		}
		return packet{from: c.source(p), to: target, data: wire.AppendPacket(nil, &said)}, true
	})
}

// tag is the cluster's, as beacons tell everybody.
func (e *ear) tag() wire.Tag {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cluster
}

// spray sends what looks sealed at first sight, and is noise.
func spray(ctx context.Context, to string, c *counts) {
	target := netip.MustParseAddrPort(to)
	c.pace(ctx, func() (packet, bool) {
		p, _ := c.ear.any()
		noise := make([]byte, rand.IntN(1400))
		crand.Read(noise)
		copy(noise, p.data[:min(len(p.data), rand.IntN(29))])
		return packet{from: c.source(p), to: target, data: noise}, true
	})
}

// listen hears, and does nothing.
func listen(ctx context.Context, _ string, _ *counts) { <-ctx.Done() }
