package sim

import (
	"fmt"

	"hb/core/node"
	"hb/core/replog"
)

// buildNode makes the node of a host out of what its disk holds, as a daemon
// does when it starts. The first host founds the cluster.
func buildNode(h *host) (machine, error) {
	r, err := h.storage.open()
	if err != nil {
		return nil, err
	}
	luck := h.w.chance(fmt.Sprintf("node %d, life %d", h.i, h.life))
	restored := node.Restored{
		Identity: r.Identity, Instance: r.Instance, Hard: r.Hard, Snapshot: r.Snapshot,
		Entries: r.Entries, Journal: r.Journal, Damaged: r.Damaged, JournalDamaged: r.JournalDamaged, JournalTorn: r.JournalTorn,
	}
	if r.Doubt != nil {
		restored.DoubtTerm, restored.DoubtIndex = r.Doubt.Term, r.Doubt.Index
	}
	if r.Identity == nil && h.i == 0 && h.w.referee.ledger == nil {
		id, snap := node.Found("sim", h.w.options.Voters, luck)
		if h.w.options.Sealed {
			id.Node, snap.Data = h.w.identityOf(0, 0).Node, h.w.letIn(snap.Data)
			h.minted++
		}
		if err := h.storage.save(id, snap); err != nil {
			return nil, err
		}
		if err := h.w.referee.found(snap.GetMetadata().GetIndex(), snap.GetData()); err != nil {
			return nil, err
		}
		restored.Identity, restored.Snapshot = id, snap
	}
	if restored.Identity == nil && h.w.options.Sealed {
		restored.Identity = h.w.identityOf(h.i, h.minted)
		h.minted++
	}
	return node.New(node.Options{
		Name: h.name, Version: "sim", Features: h.features, Offer: h.offer, Addr: h.addr, Slots: h.w.options.Slots,
		Tags:  map[string]string{"rack": string('a' + rune(h.i%2)), "kind": "simulated"},
		Seeds: true, Beacons: true, Rand: luck,
		Vault:  h.vaultOf(),
		Notary: h.notaryOf(), CertifiedUntil: h.until, RenewBefore: renewBefore,
		Detector: h.w.options.Detector, Spread: h.w.options.Spread, Log: h.w.options.Log,
	}, restored), nil
}

// shortLog makes snapshots come after a few seconds of work instead of hours.
func shortLog() replog.Limits {
	return replog.Limits{SnapshotEntries: 60, TailEntries: 20, MessageBytes: 16 << 10}
}
