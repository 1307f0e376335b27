package commands

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"hb/commands/render"
	"hb/core"
	"hb/core/config"
	"hb/core/wire"
	"hb/netutil"
)

const (
	// censusTime is how long answers are waited for by default; meanwhile there
	// are censusCalls, because datagrams may be lost.
	censusTime  = 1500 * time.Millisecond
	censusCalls = 3
)

// lanNodes is the shape hb.lan/1.
type lanNodes struct {
	Schema string    `json:"schema"`
	Nodes  []lanNode `json:"nodes"`
}

// lanNode is a node that answered a census.
type lanNode struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	// Cluster is how the cluster's ID begins; null: it is in none yet.
	Cluster *string `json:"cluster"`
	Version string  `json:"version"`
	RTT     float64 `json:"rtt_seconds"`
}

// runProbeLAN finds nodes without one of its own.
func runProbeLAN(c *call) error {
	if c.Duration("for") <= 0 {
		return usage("--for %v: longer than nothing is meant", c.Duration("for"))
	}
	conf, err := censusConfig(c)
	if err != nil {
		return err
	}
	beacon, err := openCensus(conf)
	if err != nil {
		return err
	}
	defer beacon.Close()
	found := lanNodes{Schema: "hb.lan/1", Nodes: takeCensus(beacon, c.Duration("for"))}
	t := &render.Table{Header: []string{"NAME", "ID", "ADDRESS", "CLUSTER", "VERSION", "RTT"}, Shrink: []int{0, 4}, Drop: []int{1, 5}}
	var records []any
	for _, n := range found.Nodes {
		t.Rows = append(t.Rows, []string{n.Name, n.ID, n.Address, orEmpty(n.Cluster), n.Version, rtt(&n.RTT)})
		records = append(records, struct {
			Schema string `json:"schema"`
			lanNode
		}{"hb.lan-node/1", n})
	}
	if err := c.print(found, records, t); err != nil {
		return err
	}
	if len(found.Nodes) == 0 {
		fmt.Fprintln(c.stderr, "hb: nobody answers on the local network: nodes on loopback and those without beacons do not")
		return exit(1)
	}
	return nil
}

// censusConfig is the configuration, if there is one, under the flags.
func censusConfig(c *call) (*config.Config, error) {
	conf := config.New()
	if path, explicit := c.configPath(); path != "" {
		loaded, findings := config.Load(path)
		if explicit && len(findings) > 0 {
			return nil, core.Faultf(core.CodeConfig, "%v", findings[0]).WithHint("hb config check tells all that is wrong with it")
		}
		if len(findings) == 0 {
			conf = loaded
		}
	}
	if c.IsSet("interface") {
		conf.Node.Interface = c.StringSlice("interface")
	}
	return conf, nil
}

// openCensus opens a socket as the configuration says.
func openCensus(conf *config.Config) (*netutil.Beacon, error) {
	on, err := netutil.Interfaces(conf.Node.Interface)
	if err != nil {
		return nil, usage("%v", err)
	}
	var group netip.Addr
	if conf.Discover.Multicast != "" {
		if group, err = netip.ParseAddr(conf.Discover.Multicast); err != nil {
			return nil, usage("discover.multicast = %q: %v", conf.Discover.Multicast, err)
		}
	}
	beacon, err := netutil.CallBeacon(conf.Discover.Port, group, on)
	if err != nil {
		return nil, core.Faultf(core.CodeIO, "cannot call on the local network: %v", err)
	}
	return beacon, nil
}

// takeCensus calls a few times, and collects who answers until the time is over.
func takeCensus(beacon *netutil.Beacon, wait time.Duration) []lanNode {
	var sent [censusCalls]time.Time
	first := rand.Uint64()
	call := wire.Packet{Kind: wire.KindCensus, From: core.NodeID(rand.Uint64() | 1)}
	answers := make(chan wire.Packet)
	over := make(chan struct{})
	go func() {
		for {
			got, err := beacon.Read()
			var p wire.Packet
			if err == nil && wire.DecodePacket(&p, got.Data) != nil {
				continue
			}
			if err != nil {
				return
			}
			select {
			case answers <- p:
			case <-over:
				return
			}
		}
	}()
	defer close(over)
	end, again := time.After(wait), time.NewTicker(wait/censusCalls)
	defer again.Stop()
	calls := 0
	send := func() {
		if calls < censusCalls {
			call.Nonce, sent[calls] = first+uint64(calls), time.Now()
			_ = beacon.Send(wire.AppendPacket(nil, &call)) // one interface of several may be down
			calls++
		}
	}
	send()
	nodes := map[core.NodeID]lanNode{}
	for {
		select {
		case <-again.C:
			send()
		case p := <-answers:
			if round := p.Nonce - first; p.Kind == wire.KindCensusAnswer && len(p.News) == 1 && p.News[0].Addr.IsValid() && round < uint64(calls) {
				if _, known := nodes[p.From]; !known {
					nodes[p.From] = nodeOf(&p, time.Since(sent[round]))
				}
			}
		case <-end:
			return sortedNodes(nodes)
		}
	}
}

func nodeOf(p *wire.Packet, took time.Duration) lanNode {
	row := &p.News[0]
	n := lanNode{ID: p.From.String(), Name: string(row.Name), Address: row.Addr.String(), Version: string(row.Version), RTT: took.Seconds()}
	if !p.Cluster.IsZero() {
		tag := p.Cluster.String()
		n.Cluster = &tag
	}
	return n
}

func sortedNodes(nodes map[core.NodeID]lanNode) []lanNode {
	list := []lanNode{}
	for _, n := range nodes {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b lanNode) int {
		return cmp.Or(cmp.Compare(orEmpty(a.Cluster), orEmpty(b.Cluster)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}
