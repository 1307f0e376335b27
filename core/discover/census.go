package discover

import (
	"net/netip"
	"unicode/utf8"

	"hb/core"
	"hb/core/wire"
)

// counted answers a census.
func (m *Machine) counted(from netip.AddrPort, call *wire.Packet) {
	if !m.o.Beacons {
		return
	}
	p := wire.Packet{
		Kind: wire.KindCensusAnswer, Cluster: m.cluster, From: m.o.ID, Instance: m.o.Instance, Nonce: call.Nonce,
		News: []wire.News{{
			ID: m.o.ID, Status: core.Alive, Instance: m.o.Instance, Addr: m.o.Addr,
			Name: []byte(m.o.Name), Version: []byte(m.o.Version),
		}},
	}
	row := &p.News[0]
	row.Version = cut(row.Version, max(0, p.Size()-wire.BeaconSize))
	row.Name = cut(row.Name, max(0, p.Size()-wire.BeaconSize))
	m.out = append(m.out, Answer{To: from, Data: wire.AppendPacket(nil, &p)})
}

// cut takes so many bytes off the end of a text, and what is left of a
// character that they cut through.
func cut(text []byte, off int) []byte {
	text = text[:max(0, len(text)-off)]
	for off > 0 && len(text) > 0 && !utf8.Valid(text) {
		text = text[:len(text)-1]
	}
	return text
}
