package node

import (
	"fmt"

	"hb/core"
	"hb/core/wire"
)

// raiseFeatures has the leader lift the cluster's feature level as far as every
// member can follow: with the last one of a rolling upgrade.
func (n *Node) raiseFeatures() {
	level, _ := n.ledger.Attainable()
	if level <= n.ledger.Features() || level > n.opts.Features {
		return
	}
	n.proposeAgreed(&wire.Command{Body: &wire.Command_RaiseFeatures{RaiseFeatures: &wire.RaiseFeatures{To: uint32(level)}}})
}

// tooOld stops a node that cannot carry out what the log may hold from here on.
func (n *Node) tooOld() bool {
	level := n.ledger.Features()
	if level <= n.opts.Features {
		return false
	}
	n.stop(core.Faultf(core.CodeConfig, "the cluster's log is at feature level %d, this hb (%s) knows %d", level, n.opts.Version, n.opts.Features).
		WithHint("install the version of hb that the other members run"))
	return true
}

// FeaturesView is the feature level of the cluster and of this program; Holding are
// the members with a lower one than this program's.
type FeaturesView struct {
	Cluster, Here core.Features
	Holding       []string
}

// featuresView says what the cluster can carry out, and who holds it back.
func (n *Node) featuresView() FeaturesView {
	v := FeaturesView{Cluster: n.ledger.Features(), Here: n.opts.Features}
	level, holding := n.ledger.Attainable()
	if level >= n.opts.Features {
		return v
	}
	for _, m := range holding {
		v.Holding = append(v.Holding, fmt.Sprintf("%s (hb %s)", m.Row.Name, m.Row.Version))
	}
	return v
}
