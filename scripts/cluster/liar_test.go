package cluster

import (
	"math"
	"net"
	"net/netip"
	"strings"
	"time"

	"hb/core"
	"hb/core/wire"
)

// lied says to every member of a cluster without credentials, in the name of another
// one, that a member is dead at the highest incarnation there is: no higher one could
// refute that. Nobody may believe it.
func lied(f *faulty) {
	liar, victim := f.c.other(f.member()), f.member()
	var doc struct {
		Cluster struct {
			ID string `json:"id"`
		} `json:"cluster"`
		Members []struct {
			ID       string `json:"id"`
			Name     string `json:"name"`
			Instance uint32 `json:"instance"`
		} `json:"members"`
	}
	f.c.json(liar, &doc, "members")
	cluster, err := core.ParseClusterID(doc.Cluster.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	lie := wire.Packet{Kind: wire.KindBulletin, Cluster: wire.TagOf(cluster, 0), News: []wire.News{{Incarnation: math.MaxUint32, Why: wire.ReasonSilent}}}
	for _, m := range doc.Members {
		id, err := core.ParseNodeID(m.ID)
		if err != nil {
			f.t.Fatal(err)
		}
		switch m.Name {
		case liar.name:
			lie.From, lie.Instance, lie.News[0].Accuser = id, core.Instance(m.Instance), id
		case victim.name:
			lie.News[0].ID, lie.News[0].Instance = id, core.Instance(m.Instance)
		}
	}
	socket, err := net.ListenUDP("udp4", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	defer socket.Close()
	for _, status := range []core.Status{core.Suspect, core.Dead} {
		lie.News[0].Status = status
		for range 20 {
			for _, n := range f.c.nodes {
				if n == liar {
					continue // who knows itself best
				}
				if _, err := socket.WriteToUDPAddrPort(wire.AppendPacket(nil, &lie), netip.MustParseAddrPort(n.addr)); err != nil {
					f.t.Fatal(err)
				}
			}
			f.wait(200 * time.Millisecond)
		}
	}
	for _, n := range f.c.nodes {
		if n != liar {
			f.c.eventually(n.name+" says that it was told nonsense", 30*time.Second, func() bool {
				return strings.Contains(n.log.String(), "so that is not believed")
			})
		}
	}
}
