package node

import (
	"hb/core"
	"hb/core/detect"
	"hb/core/detect/alltoall"
	"hb/core/detect/central"
	"hb/core/detect/gossip"
	around "hb/core/detect/ring"
	"hb/core/detect/swim"
	"hb/core/wire"
)

// detectors is the table of the failure detectors by kind.
func detectors(kind string) (detect.Factory, bool) {
	switch kind {
	case "central":
		return central.New, true
	case "ring":
		return around.NewUni, true
	case "ring-bi":
		return around.NewBi, true
	case "all-to-all":
		return alltoall.New, true
	case "gossip":
		return gossip.New, true
	case "swim":
		return swim.New, true
	}
	return nil, false
}

// checkDetector keeps a member from coming back with another failure detector
// than its cluster's, which its disk remembers.
func (n *Node) checkDetector(id *wire.Identity) {
	switch id.Detector {
	case n.opts.Detector:
	case "":
		n.put(SaveIdentity{Identity: n.identity(n.self.cluster, n.self.clusterName)})
	default:
		n.stop(core.Faultf(core.CodeConfig, "the failure detector of cluster %s is %s, not %s",
			n.self.clusterName, id.Detector, n.opts.Detector).
			WithHint("set [detector] kind = %q, as all its members have it", id.Detector))
	}
}
