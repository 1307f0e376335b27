package member

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"hb/core"
	"hb/core/wire"
)

// ToWire lays a row out for a stream.
func ToWire(now core.Instant, r Row) *wire.Row {
	w := &wire.Row{
		Id: uint64(r.ID), Name: r.Name, Addr: r.Addr.String(),
		Instance: uint32(r.Instance), Incarnation: uint32(r.Incarnation), Status: uint32(r.Status),
		Version: r.Version, Features: uint32(r.Features), Tags: r.Tags, Raft: uint64(r.Raft),
		Accuser: uint64(r.Accuser), Why: uint32(r.Why),
	}
	if !r.Living() {
		w.AgeSeconds = uint32(max(0, now.Sub(r.Since)) / time.Second)
	}
	return w
}

// ToWire lays all rows out for a stream, in order of ID.
func (t *Table) ToWire(now core.Instant) []*wire.Row {
	rows := make([]*wire.Row, 0, t.Len())
	t.Each(func(r Row) bool {
		rows = append(rows, ToWire(now, r))
		return true
	})
	return rows
}

// FromWire reads a row of a stream. The error says what is wrong with it; a
// bad row never spoils the others.
func FromWire(now core.Instant, w *wire.Row) (Evidence, error) {
	addr, err := netip.ParseAddrPort(w.GetAddr())
	if err != nil || addr.Port() == 0 || addr.Addr().IsUnspecified() {
		return Evidence{}, fmt.Errorf("row %s: %q is no address to reach it at", core.NodeID(w.GetId()), w.GetAddr())
	}
	status := core.Status(w.GetStatus())
	if w.GetId() == 0 || w.GetStatus() > uint32(core.Left) || status < core.Alive {
		return Evidence{}, fmt.Errorf("row %s with status %d", core.NodeID(w.GetId()), w.GetStatus())
	}
	if err := wire.CheckLabels(w.GetName(), w.GetVersion(), w.GetTags()); err != nil {
		return Evidence{}, fmt.Errorf("row %s: %w", core.NodeID(w.GetId()), err)
	}
	e := Evidence{Row: Row{
		ID: core.NodeID(w.GetId()), Name: w.GetName(), Version: w.GetVersion(), Features: featuresOf(w), Tags: w.GetTags(),
		Addr: netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port()), Raft: core.RaftID(w.GetRaft()),
		Instance: core.Instance(w.GetInstance()), Incarnation: core.Incarnation(w.GetIncarnation()), Status: status,
	}}
	e.blame(core.NodeID(w.GetAccuser()), wire.Reason(min(w.GetWhy(), 255)))
	if !e.Living() {
		e.Since = now.Add(-time.Duration(w.GetAgeSeconds()) * time.Second)
	}
	return e, nil
}

// featuresOf is the feature level of a row. One beyond what this program can
// write down is beyond what it can carry out anyway.
func featuresOf(w *wire.Row) core.Features {
	return core.Features(min(w.GetFeatures(), math.MaxUint16))
}

// ToNews lays a row out for datagrams. Accusations go without labels, which
// everybody who can use them has; the rest carries them.
func ToNews(r Row) wire.News {
	n := wire.News{
		ID: r.ID, Status: r.Status, Instance: r.Instance, Incarnation: r.Incarnation,
		Accuser: r.Accuser, Why: r.Why,
	}
	if r.Status == core.Alive {
		n.Name, n.Addr, n.Version, n.Raft = []byte(r.Name), r.Addr, []byte(r.Version), r.Raft
		n.Features = r.Features
		n.Tags = wire.AppendTags(nil, r.Tags)
	}
	return n
}

// FromNews reads a row of a datagram, copying what it keeps. The error says
// what is wrong with it.
func FromNews(n *wire.News) (Evidence, error) {
	e := Evidence{Bare: len(n.Name) == 0, Row: Row{
		ID: n.ID, Status: n.Status, Instance: n.Instance, Incarnation: n.Incarnation,
	}}
	e.blame(n.Accuser, n.Why)
	if e.Bare {
		return e, nil
	}
	if n.Addr.Addr().IsUnspecified() {
		return Evidence{}, fmt.Errorf("row %s: %s is no address to reach it at", n.ID, n.Addr)
	}
	e.Name, e.Addr, e.Version, e.Raft = string(n.Name), n.Addr, string(n.Version), n.Raft
	e.Features = n.Features
	e.Tags = wire.ParseTags(n.Tags)
	return e, nil
}

// blame keeps the accuser where there is something to accuse of.
func (e *Evidence) blame(accuser core.NodeID, why wire.Reason) {
	if e.Status == core.Suspect || e.Status == core.Dead {
		e.Accuser, e.Why = accuser, why
	}
}
