package sim

import (
	"time"

	"hb/core/node"
)

// perform carries out one effect.
func (h *host) perform(eff node.Effect) {
	switch e := eff.(type) {
	case node.SendDatagram:
		h.w.referee.frame(h, peekDatagram(plainOf(e)))
		h.w.network.datagram(h, e.To, e.Data)
	case node.SendBeacon:
		h.w.network.beacon(h, e.Data)
	case node.SendFrame:
		f := peekFrame(e.Data)
		h.w.referee.frame(h, f)
		h.w.network.frame(h, e)
		h.w.chaos.saw(h, e.To, f)
	case node.SaveSnapshot:
		h.w.referee.snapshot(h, e.Index, bodyOf(e))
		if e.Ledger != nil {
			h.storage.draft(e)
		} else {
			h.storage.put(e)
		}
	case node.DecodeSnapshot:
		h.later(time.Millisecond, e.Decode())
	case node.Append, node.Journal, node.SaveIdentity, node.SetAside:
		h.storage.put(e)
	case node.Exec, node.Recall, node.Renew, node.Terminate, node.Disown, node.Release, node.DropSpool:
		h.children.toRunner(eff)
	case node.Adopt:
		h.children.adopt(e)
	case node.ReadSpool:
		h.children.readSpool(e)
	case node.ResolveSeeds:
		h.resolve()
	case node.Reply:
		h.reply(e)
	case node.Bar:
		h.bar(e.Node)
	case node.SaveCertificate:
		h.keeps(e.Certificate)
	case node.LogLine:
	case node.Stop:
		h.stop(e)
	default:
		h.w.fail("every effect is known to the driver", "%T", eff)
	}
}

// plainOf is what a datagram says.
func plainOf(e node.SendDatagram) []byte {
	if e.Plain != nil {
		return e.Plain
	}
	return e.Data
}

// resolve answers with the addresses of the first hosts, as a name server would.
func (h *host) resolve() {
	var seeds node.Seeds
	for _, other := range h.w.hosts[:min(3, len(h.w.hosts))] {
		if other != h {
			seeds.Addrs = append(seeds.Addrs, other.addr)
		}
	}
	h.later(time.Millisecond, seeds)
}

// stop ends the process as the node wishes. A node that was not asked to, whose
// disk is well, and of which a script expects nothing else, has no business
// stopping.
func (h *host) stop(e node.Stop) {
	h.fault = e.Fault
	foreseen := e.Fault != nil && e.Fault.Code == h.foreseen
	if e.Fault != nil && !h.storage.failing && !foreseen || e.Fault == nil && !h.asked {
		h.w.fail("no node stops unasked", "%s: %v", h.name, e.Fault)
	}
	h.forGood = e.Fault == nil && !h.restart
	h.end("stop")
}

// weigh is the number of bytes an effect carries.
func weigh(eff node.Effect) int {
	switch e := eff.(type) {
	case node.SendDatagram:
		return len(e.Data)
	case node.SendBeacon:
		return len(e.Data)
	case node.SendFrame:
		return len(e.Data)
	case node.SaveSnapshot:
		if e.Replace {
			return len(e.Meta) // what came from a peer is only handed on
		}
		return len(e.Meta) + len(e.Body)
	}
	return 0
}
