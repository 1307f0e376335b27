package node

import (
	"errors"
	"fmt"
	"net/netip"

	"hb/core"
	"hb/core/wire"
)

// sendTo puts one frame on the stream to a member; nothing happens when its
// address is not known, as with any lost frame.
func (n *Node) sendTo(id core.NodeID, e *wire.Envelope) {
	addr, ok := n.addrOf(id)
	if !ok {
		return
	}
	f := SendFrame{To: addr}
	if c, known := n.ledger.Credential(id); known {
		copy(f.Key[:], c.SignKey)
	}
	e.To = uint64(id)
	n.envelope(f, e)
}

// sendFrame puts one frame on the stream to an address, for whoever is there.
func (n *Node) sendFrame(to netip.AddrPort, e *wire.Envelope) { n.envelope(SendFrame{To: to}, e) }

// answerFrame is sendFrame to an address that a frame named itself.
func (n *Node) answerFrame(to netip.AddrPort, e *wire.Envelope) {
	n.envelope(SendFrame{To: to, Stranger: true}, e)
}

func (n *Node) envelope(f SendFrame, e *wire.Envelope) {
	e.From, e.Instance = uint64(n.self.id), uint32(n.self.instance)
	if n.self.joined {
		e.Cluster, e.Epoch = n.self.cluster[:], uint64(n.self.epoch)
	}
	f.Data = wire.EncodeEnvelope(e)
	n.put(f)
}

// frame takes one frame apart and hands it to whom it concerns.
func (n *Node) frame(ev Frame) {
	e, err := wire.DecodeEnvelope(ev.Data)
	if err != nil {
		n.complainOnce(ev.From.Addr(), err)
		return
	}
	from := core.NodeID(e.From)
	if why := n.whyNotHear(ev, e); why != nil {
		if to, _ := n.addrOf(from); !errors.Is(why, errNoRight) || !n.fromTheGrave(from, to) {
			n.complainOnce(ev.From.Addr(), why)
		}
		return
	}
	switch body := e.Body.(type) {
	case *wire.Envelope_Join:
		n.joinAsked(e, body.Join)
		return
	case *wire.Envelope_Welcome:
		n.welcomed(e, body.Welcome)
		return
	case *wire.Envelope_Refusal:
		n.refused(e, body.Refusal)
		return
	case *wire.Envelope_Echo:
		n.echo(e, body.Echo)
		return
	}
	if !n.self.joined {
		return // early: whoever let this node in speaks to it already
	}
	if !n.sameLog(e, ev.From) {
		return
	}
	if e.To != 0 && core.NodeID(e.To) != n.self.id {
		n.complainOnce(ev.From.Addr(), errForAnother)
		return
	}
	if n.outdated(from, core.Instance(e.Instance)) {
		return
	}
	n.memberFrame(from, e)
}

var (
	errForeign = errors.New("frame of another cluster")
	// errForAnother is of a frame to whoever had this address before, such as
	// the node whose disk was lost here. Its tasks are not this node's.
	errForAnother = errors.New("frame for another node at this address")
)

// memberFrame hands on a frame of this node's own cluster.
func (n *Node) memberFrame(from core.NodeID, e *wire.Envelope) {
	switch body := e.Body.(type) {
	case *wire.Envelope_Watch: // that the stream is open is all
	case *wire.Envelope_Raft:
		n.raftCame(from, body.Raft)
	case *wire.Envelope_Pull:
		n.pullAsked(from, body.Pull)
	case *wire.Envelope_Page:
		n.pageCame(from, body.Page)
	case *wire.Envelope_Propose:
		n.proposeAsked(from, body.Propose)
	case *wire.Envelope_Proposed:
		n.proposedCame(body.Proposed)
	case *wire.Envelope_ReadIndex:
		n.readAsked(from, body.ReadIndex)
	case *wire.Envelope_ReadIndexed:
		n.readIndexedCame(body.ReadIndexed)
	case *wire.Envelope_Transfer:
		n.transferAsked(core.NodeID(body.Transfer.To))
	case *wire.Envelope_Rows:
		n.rowsCame(from, body.Rows)
	case *wire.Envelope_PositionAsk:
		n.positionAsked(from, body.PositionAsk)
	case *wire.Envelope_Position:
		n.positionCame(from, body.Position)
	case *wire.Envelope_MeshAsk:
		n.meshAsked(from, body.MeshAsk)
	case *wire.Envelope_Mesh:
		n.meshCame(body.Mesh)
	case *wire.Envelope_KeyAsk:
		n.keyAsked(from, body.KeyAsk)
	case *wire.Envelope_KeyGiven:
		n.keyGiven(from, body.KeyGiven)
	default:
		n.taskFrame(from, e)
	}
}

// taskFrame hands on what concerns tasks and their output.
func (n *Node) taskFrame(from core.NodeID, e *wire.Envelope) {
	switch body := e.Body.(type) {
	case *wire.Envelope_Grant:
		n.granted(body.Grant)
	case *wire.Envelope_Kill:
		n.killed(body.Kill)
	case *wire.Envelope_Done:
		n.doneCame(from, body.Done)
	case *wire.Envelope_DoneAck:
		n.doneAcked(core.Fence(body.DoneAck.Fence))
	case *wire.Envelope_Refused:
		n.grantRefused(from, body.Refused)
	case *wire.Envelope_Running:
		n.runningCame(from, core.Instance(e.Instance), body.Running)
	case *wire.Envelope_LeaseAsk:
		n.leaseAsked(from, body.LeaseAsk)
	case *wire.Envelope_LeaseGiven:
		n.leaseGiven(body.LeaseGiven)
	case *wire.Envelope_Explain:
		n.explainAsked(from, body.Explain)
	case *wire.Envelope_Explained:
		n.answerCame(body.Explained.Id, body.Explained.Leading, body.Explained)
	case *wire.Envelope_RunsAsk:
		n.runsAsked(from, body.RunsAsk)
	case *wire.Envelope_Runs:
		n.answerCame(body.Runs.Id, body.Runs.Leading, runsView(body.Runs))
	case *wire.Envelope_OutputPull:
		n.outputAsked(from, body.OutputPull)
	case *wire.Envelope_OutputChunk:
		n.outputCame(body.OutputChunk)
	}
}

// complainOnce counts bad input and says so once per source.
func (n *Node) complainOnce(from netip.Addr, err error) {
	n.countRefused(err)
	key := complaint{from, err.Error()}
	if errors.Is(err, wire.ErrMalformed) {
		key.what = wire.ErrMalformed.Error()
	}
	if n.complaints[key] == 0 && len(n.complaints) >= complaintsMost {
		return
	}
	n.complaints[key]++
	if n.complaints[key] == 1 {
		n.log(true, fmt.Sprintf("dropped input from %s: %v (further ones are only counted)", from, err))
	}
}

// complaintsMost bounds what strangers can make this node remember.
const complaintsMost = 1000

type complaint struct {
	from netip.Addr
	what string
}
