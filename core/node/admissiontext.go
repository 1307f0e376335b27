package node

import (
	"fmt"

	"hb/core"
	"hb/core/wire"
)

// admissionText says in words what a command about tokens and certificates does;
// empty if it is none.
func (n *Node) admissionText(c *wire.Command) string {
	switch b := c.Body.(type) {
	case *wire.Command_CreateToken:
		return fmt.Sprintf("token %x made", b.CreateToken.Id)
	case *wire.Command_RevokeToken:
		return fmt.Sprintf("token %x revoked", b.RevokeToken.Id)
	case *wire.Command_Admit:
		return fmt.Sprintf("%s (%v) asks to be let in, by token %x", b.Admit.Name, core.NodeID(b.Admit.Node), b.Admit.Token)
	case *wire.Command_Certify:
		return "certificate of " + n.nameOf(core.NodeID(b.Certify.Node)) + " until " + core.Stamp(b.Certify.UntilNanos)
	case *wire.Command_Recertify:
		return "further certificate asked for by " + n.nameOf(core.NodeID(b.Recertify.Node))
	case *wire.Command_Entrust:
		if len(b.Entrust.Sealed) == 0 {
			return "authority's key taken from " + n.nameOf(core.NodeID(b.Entrust.Node))
		}
		return "authority's key sealed for " + n.nameOf(core.NodeID(b.Entrust.Node))
	}
	return ""
}
