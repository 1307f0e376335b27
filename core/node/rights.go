package node

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/reflect/protoreflect"

	"hb/core"
	"hb/core/wire"
)

// This file is the one table of what may come over a stream, and from whom: the
// kinds of frames, of the engine's messages, and of commands for the log. What is
// not in it is refused, so that a new kind is nobody's until somebody has thought
// of it; and a test fails that walks all there are. In Consul (CVE-2021-37219) and
// in etcd (CVE-2026-33413) any certificate of the cluster's authority could call
// what was for servers, or for administrators, because the check stood at each
// method, and was missing at some.

// right is what a kind takes of its sender; each has all that are below it.
type right uint8

const (
	// nobodys is what no other node may send. It is also whatever the table does
	// not know.
	nobodys right = iota
	// anyones is for whoever has a certificate, even if the log has forgotten it:
	// it asks, to be told so. Who has none can send no frame at all; all that such
	// may ask goes by another protocol (core/enroll).
	anyones
	// members is for those whom the log has let in, and not forgotten.
	members
	// voters is for those who may lead: what it says is obeyed.
	voters
	// signers is for voters to whom the log has entrusted the authority's key.
	signers
)

// frameRight is the table's row for a kind of frame.
func frameRight(e *wire.Envelope) right {
	switch e.Body.(type) {
	case *wire.Envelope_Join:
		return anyones
	case *wire.Envelope_Welcome, *wire.Envelope_Refusal, *wire.Envelope_Echo, *wire.Envelope_Watch,
		*wire.Envelope_Raft, // and engineRight
		*wire.Envelope_Rows, *wire.Envelope_MeshAsk, *wire.Envelope_Mesh,
		*wire.Envelope_Pull, *wire.Envelope_Page, *wire.Envelope_PositionAsk, *wire.Envelope_Position,
		*wire.Envelope_ReadIndex, *wire.Envelope_Transfer, *wire.Envelope_Propose, // and commandRight
		*wire.Envelope_Running, *wire.Envelope_Done, *wire.Envelope_Refused, *wire.Envelope_LeaseAsk,
		*wire.Envelope_Explain, *wire.Envelope_RunsAsk, *wire.Envelope_OutputPull, *wire.Envelope_OutputChunk,
		*wire.Envelope_KeyAsk, *wire.Envelope_KeyGiven:
		return members
	case *wire.Envelope_Proposed, *wire.Envelope_ReadIndexed, *wire.Envelope_LeaseGiven, *wire.Envelope_Explained, *wire.Envelope_Runs,
		*wire.Envelope_Grant, *wire.Envelope_Kill, *wire.Envelope_DoneAck:
		return voters
	}
	return nobodys
}

// engineRight is the table's row for a message of the engine: those that lead, or
// want to, are a voter's; the answers are of whoever was asked, and the engine
// knows whom it asked. The rest an engine says to itself.
func engineRight(kind raftpb.MessageType) right {
	switch kind {
	case raftpb.MsgApp, raftpb.MsgHeartbeat, raftpb.MsgSnap, raftpb.MsgTimeoutNow, raftpb.MsgVote, raftpb.MsgPreVote:
		return voters
	case raftpb.MsgAppResp, raftpb.MsgHeartbeatResp, raftpb.MsgVoteResp, raftpb.MsgPreVoteResp:
		return members
	}
	return nobodys
}

// commandRight is the table's row for a command that a member asks the leader to
// put in the log. What the leader proposes itself comes from nobody else.
func commandRight(from core.NodeID, c *wire.Command) right {
	switch body := c.Body.(type) {
	case *wire.Command_Submit, *wire.Command_Cancel, *wire.Command_Note, *wire.Command_Drain,
		*wire.Command_SetVoters, *wire.Command_SetVote, *wire.Command_Forget,
		*wire.Command_CreateToken, *wire.Command_RevokeToken, *wire.Command_Admit,
		*wire.Command_RotateKey, *wire.Command_WrapKey,
		*wire.Command_SetSchedule, *wire.Command_DropSchedule, *wire.Command_PauseSchedule:
		return members
	case *wire.Command_Certify, *wire.Command_Entrust:
		return signers
	case *wire.Command_MemberDown: // of itself, when it stops
		return membersOwn(from, body.MemberDown.GetIds()...)
	case *wire.Command_Recertify:
		return membersOwn(from, body.Recertify.GetNode())
	case *wire.Command_AcquireLock:
		return membersOwn(from, body.AcquireLock.GetNode())
	case *wire.Command_ReleaseLock: // not for another's client, nor that its lease is over
		if !body.ReleaseLock.GetLost() {
			return membersOwn(from, body.ReleaseLock.GetNode())
		}
	case *wire.Command_Offer:
		return membersOwn(from, body.Offer.GetNode())
	case *wire.Command_Fire: // a user asked for it now
		if len(body.Fire.GetTask()) > 0 {
			return members
		}
	}
	return nobodys
}

// membersOwn is the row of what a member may say of itself only.
func membersOwn(from core.NodeID, ids ...uint64) right {
	if len(ids) == 1 && core.NodeID(ids[0]) == from {
		return members
	}
	return nobodys
}

var (
	errNoRight  = errors.New("frame of a node that has no right to it")
	errNobody   = errors.New("frame on a stream without a certificate")
	errImpostor = errors.New("frame that names another sender than its stream's certificate does")
	errOtherKey = errors.New("frame on a stream with another key than the log has of its sender")
)

// whyNotHear is the reason to drop a frame unread; nil for none.
func (n *Node) whyNotHear(ev Frame, e *wire.Envelope) error {
	from := core.NodeID(e.From)
	switch {
	case ev.Peer == 0 && !n.opts.Plain:
		return errNobody
	case ev.Peer != from && !n.opts.Plain:
		return errImpostor
	}
	if c, known := n.ledger.Credential(from); known && !n.opts.Plain && !bytes.Equal(c.SignKey, ev.Key[:]) {
		return errOtherKey
	}
	if !n.has(from, frameRight(e)) {
		return fmt.Errorf("%w: %s", errNoRight, kindOf(e))
	}
	return nil
}

// has says whether a node has a right.
func (n *Node) has(id core.NodeID, need right) bool {
	switch need {
	case anyones:
		return true
	case members:
		return !n.isForgotten(id) && n.mayBelong(id)
	case voters:
		return n.has(id, members) && n.mayLead(id)
	case signers:
		c, _ := n.ledger.Credential(id)
		return len(c.GetAuthority()) > 0 && n.has(id, voters)
	}
	return false
}

func (n *Node) isForgotten(id core.NodeID) bool {
	_, was := n.ledger.Forgotten(id)
	return was
}

// lagLimit is how long this node may stay behind what a voter has said to be
// committed before it takes its own knowledge of the voters for old.
const lagLimit = 2 * time.Second

// doubtful is what makes this node hear somebody who is no voter as far as it
// knows: it has been behind the target since then.
type doubtful struct {
	target uint64
	since  core.Instant
}

// mayBelong says whether the log has let somebody in, for all that is known here. A
// certificate alone does not show that: whoever has the disk of a former voter may
// have the authority's key, and make as many as they like; and that of a member
// that has left is good until its time is over. That the log here is old does not
// change it: a node that lags fetches what it lacks from those whom it knows. Only
// one that has not yet come in the log to where it was let in itself does not know
// whom to ask, and believes certificates.
func (n *Node) mayBelong(id core.NodeID) bool {
	if len(n.ledger.Authority()) == 0 || id == n.self.id {
		return true // there are no credentials, or nothing is known yet
	}
	_, letIn := n.ledger.Credential(id)
	_, own := n.ledger.Credential(n.self.id)
	return letIn || !own
}

// mayLead says whether somebody may be a voter, for all that is known here.
func (n *Node) mayLead(id core.NodeID) bool {
	raft, known := n.raftOf(id)
	if known && (slices.Contains(n.replog.Conf().GetLearners(), uint64(raft)) || // on its way
		slices.Contains(n.replog.Voters(), raft)) {
		return true
	}
	return n.behind(id)
}

// behind says whether what is known here may be too old to judge by it who votes: that
// changes while this node sleeps, and a new voter may be needed to tell it. So a
// member that is no voter in the log as applied here is believed if this node knows
// of no voters, if none of those whom it knows is there, or if one of them has said
// that more is committed and this node does not get there. A node whose log follows
// the others' believes nobody else.
func (n *Node) behind(id core.NodeID) bool {
	there, claimed := false, uint64(0)
	for _, voter := range n.replog.Voters() {
		node, known := n.nodeOf(voter)
		row, seen := n.membership.Table().Get(node)
		there = there || known && seen && row.Living()
		claimed = max(claimed, n.replog.Claimed(node))
	}
	return !there || n.lags(id, claimed)
}

// lags says whether the log here has been behind a target since somebody was
// first not believed, for long.
func (n *Node) lags(id core.NodeID, claimed uint64) bool {
	d, known := n.doubted[id]
	if !known || n.ledger.Applied() >= d.target {
		if len(n.doubted) < complaintsMost || known {
			n.doubted[id] = doubtful{claimed, n.now}
		}
		return false
	}
	return n.now > d.since.Add(lagLimit)
}

// kindOf names a kind of frame for people.
func kindOf(e *wire.Envelope) protoreflect.Name {
	m := e.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("body")); field != nil {
		return field.Name()
	}
	return "empty frame"
}

// refusedCommand is the answer to a command that its proposer may not propose.
func refusedCommand() *wire.Verdict {
	return &wire.Verdict{Code: uint32(core.CodeDenied), Message: "only the leader itself proposes this"}
}
