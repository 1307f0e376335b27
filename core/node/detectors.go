package node

import (
	"hb/core"
	"hb/core/wire"
)

// checkDetector keeps a member from coming back with another failure detector
// than its cluster's, which its disk remembers.
func (n *Node) checkDetector(id *wire.Identity) {
	switch id.Detector {
	case n.opts.Detector:
	case "":
		n.saveIdentity(n.self.cluster, n.self.clusterName)
	default:
		n.stop(core.Faultf(core.CodeConfig, "the failure detector of cluster %s is %s, not %s",
			n.self.clusterName, id.Detector, n.opts.Detector).
			WithHint("set [detector] kind = %q, as all its members have it", id.Detector))
	}
}
