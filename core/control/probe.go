package control

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"hb/core"
	"hb/core/node"
)

// This file is the probes' part of the API: its shapes and both halves of it.

// Probed is the shape hb.probe/1.
type Probed struct {
	Schema  string  `json:"schema"`
	Results []Probe `json:"results"`
}

// Probe is how one target was reached.
type Probe struct {
	Target string `json:"target"`
	UDP    Reach  `json:"udp"`
	TCP    Reach  `json:"tcp"`
	Via    []Via  `json:"via"`
}

// Reach is one way to a node; RTT is null when it did not answer, Error when
// it did.
type Reach struct {
	OK    bool     `json:"ok"`
	RTT   *float64 `json:"rtt_seconds"`
	Error *string  `json:"error"`
}

// Via is a way through another member.
type Via struct {
	Node string   `json:"node"`
	OK   bool     `json:"ok"`
	RTT  *float64 `json:"rtt_seconds"`
}

// Mesh is the shape hb.mesh/1: who heard whom when all pinged each other.
type Mesh struct {
	Schema  string       `json:"schema"`
	Members []MeshMember `json:"members"`
	Pairs   []MeshPair   `json:"pairs"`
}

// MeshMember is one member of a mesh; without its own view (Answered false)
// much about it is unknown.
type MeshMember struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Self     bool   `json:"self"`
	Answered bool   `json:"answered"`
}

// MeshPair is one direction between two members, by name.
type MeshPair struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Arrives says whether packets of From get to To; null: nobody could tell.
	Arrives *bool `json:"arrives"`
	// RTT is the round trip of From's ping; null: none was answered.
	RTT *float64 `json:"rtt_seconds"`
	// Status is what From believes of To; null: it has not told.
	Status *string `json:"status"`
}

type probeBody struct {
	Targets []string `json:"targets"`
}

// maxTargets bounds one call of probe.
const maxTargets = 1000

// probe asks for all targets at once, and answers in their order.
func (s server) probe(r *http.Request) (any, error) {
	var want probeBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	if n := len(want.Targets); n == 0 || n > maxTargets {
		return nil, core.Faultf(core.CodeUsage, "%d targets; 1 to %d are meant", n, maxTargets)
	}
	out := Probed{Schema: "hb.probe/1", Results: make([]Probe, len(want.Targets))}
	faults := make([]error, len(want.Targets))
	var all sync.WaitGroup
	for i, target := range want.Targets {
		all.Go(func() { out.Results[i], faults[i] = s.probeOne(r.Context(), target) })
	}
	all.Wait()
	for _, err := range faults {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s server) probeOne(ctx context.Context, target string) (Probe, error) {
	ask, err := s.probeTarget(ctx, target)
	if err != nil {
		return Probe{}, err
	}
	v, err := one[node.ProbeView](ctx, s, ask)
	return probeOf(v, target), err
}

// probeTarget tells a member from a bare HOST:PORT.
func (s server) probeTarget(ctx context.Context, target string) (node.Probe, error) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		id, err := s.resolve(ctx, target)
		return node.Probe{Node: id}, err
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil || n == 0 {
		return node.Probe{}, core.Faultf(core.CodeUsage, "%q is no port", port)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		return node.Probe{}, core.Faultf(core.CodeUnheard, "no address for host %q: %v", host, err)
	}
	return node.Probe{Addr: netip.AddrPortFrom(addrs[0].Unmap(), uint16(n))}, nil
}

// probeMesh has members ping each other: those named, or all.
func (s server) probeMesh(r *http.Request) (any, error) {
	var want probeBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	var ask node.ProbeMesh
	for _, word := range want.Targets {
		id, err := s.resolve(r.Context(), word)
		if err != nil {
			return nil, err
		}
		ask.Members = append(ask.Members, id)
	}
	v, err := one[node.MeshView](r.Context(), s, ask)
	return meshOf(v), err
}

func probeOf(v node.ProbeView, target string) Probe {
	out := Probe{Target: target, UDP: reachOf(v.UDP), TCP: reachOf(v.TCP), Via: []Via{}}
	for _, via := range v.Via {
		out.Via = append(out.Via, Via{Node: via.Node, OK: via.OK, RTT: known(via.RTT.Seconds(), via.OK)})
	}
	return out
}

func reachOf(v node.Reach) Reach {
	return Reach{OK: v.OK, RTT: known(v.RTT.Seconds(), v.OK), Error: known(v.Error, !v.OK)}
}

func meshOf(v node.MeshView) Mesh {
	out := Mesh{Schema: "hb.mesh/1", Members: []MeshMember{}, Pairs: []MeshPair{}}
	who := names{}
	for _, m := range v.Members {
		who[m.ID] = m.Name
		out.Members = append(out.Members, MeshMember{ID: m.ID.String(), Name: m.Name, Self: m.Self, Answered: m.Answered})
	}
	for _, p := range v.Pairs {
		out.Pairs = append(out.Pairs, MeshPair{
			From: who.of(p.From), To: who.of(p.To), Arrives: known(p.Arrives, p.Known),
			RTT: known(p.RTT.Seconds(), p.RTT >= 0), Status: known(p.Status.String(), p.Status != 0),
		})
	}
	return out
}

// Probe says how targets (names, IDs, HOST:PORT) can be reached.
func (c *Client) Probe(ctx context.Context, targets []string) (*Probed, error) {
	return post[Probed](ctx, c, "/v1/probe", probeBody{targets})
}

// ProbeMesh has members, by name or ID, ping each other; with none, all.
func (c *Client) ProbeMesh(ctx context.Context, members []string) (*Mesh, error) {
	return post[Mesh](ctx, c, "/v1/probe/mesh", probeBody{members})
}
