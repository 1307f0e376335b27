package node

import (
	"fmt"
	"strings"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// commandsText says in words what an entry does.
func (n *Node) commandsText(commands []*wire.Command) string {
	parts := make([]string, len(commands))
	for i, c := range commands {
		parts[i] = n.commandText(c)
	}
	return strings.Join(parts, "; ")
}

func (n *Node) commandText(c *wire.Command) string {
	switch b := c.Body.(type) {
	case *wire.Command_MemberUp:
		return "up: " + rowNames(b.MemberUp.Rows)
	case *wire.Command_MemberDown:
		names := make([]string, len(b.MemberDown.Ids))
		for i, id := range b.MemberDown.Ids {
			names[i] = n.nameOf(core.NodeID(id))
		}
		return fmt.Sprintf("down (%s): %s", b.MemberDown.Reason, strings.Join(names, " "))
	case *wire.Command_Drain:
		verb := "resume "
		if b.Drain.On {
			verb = "drain "
		}
		if b.Drain.Evict {
			verb += "and empty "
		}
		return verb + n.nameOf(core.NodeID(b.Drain.Node))
	case *wire.Command_Note:
		return fmt.Sprintf("note: %s", b.Note.Text)
	case *wire.Command_SetVoters:
		return fmt.Sprintf("voters: %d shall vote", b.SetVoters.Target)
	case *wire.Command_SetVote:
		return fmt.Sprintf("voters: %s is %s", n.nameOf(core.NodeID(b.SetVote.Node)), ledger.Vote(b.SetVote.Vote))
	case *wire.Command_Offer:
		return n.nameOf(core.NodeID(b.Offer.Node)) + " runs " + OfferText(b.Offer)
	case *wire.Command_Forget:
		return "forget " + n.nameOf(core.NodeID(b.Forget.Node))
	}
	if text := keyText(c) + scheduleText(c) + n.lockText(c); text != "" {
		return text
	}
	if text := n.admissionText(c); text != "" {
		return text
	}
	return n.taskText(c)
}

func (n *Node) taskText(c *wire.Command) string {
	switch b := c.Body.(type) {
	case *wire.Command_Submit:
		return fmt.Sprintf("submit %s: %s", taskText(b.Submit.Task), commandText(b.Submit.Spec))
	case *wire.Command_Assign:
		return fmt.Sprintf("assign %s attempt %d to %s", taskText(b.Assign.Task), b.Assign.Attempt, n.nameOf(core.NodeID(b.Assign.Node)))
	case *wire.Command_Finish:
		return fmt.Sprintf("finish %s: exit %d", taskText(b.Finish.Task), b.Finish.Result.GetExit())
	case *wire.Command_Requeue:
		return fmt.Sprintf("requeue %s: %s", taskText(b.Requeue.Task), b.Requeue.Reason)
	case *wire.Command_Cancel:
		return fmt.Sprintf("cancel %s by %s", taskText(b.Cancel.Task), b.Cancel.By)
	case *wire.Command_Expire:
		return fmt.Sprintf("expire %d records", len(b.Expire.Tasks))
	}
	return "unknown"
}

func taskText(b []byte) string {
	if len(b) != len(core.TaskID{}) {
		return "?"
	}
	return core.TaskID(b).String()
}

func rowNames(rows []*wire.Row) string {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Name
	}
	return strings.Join(names, " ")
}

// confText says in words what a change of the voters does.
func (n *Node) confText(e *raftpb.Entry) string {
	var v2 *raftpb.ConfChangeV2
	if e.GetType() == raftpb.EntryConfChange {
		cc := &raftpb.ConfChange{}
		if wire.Unmarshal(e.Data, cc) != nil {
			return "voters: unreadable"
		}
		v2 = cc.AsV2()
	} else {
		v2 = &raftpb.ConfChangeV2{}
		if wire.Unmarshal(e.Data, v2) != nil {
			return "voters: unreadable"
		}
	}
	if len(v2.Changes) == 0 {
		return "voters: leave the joint change"
	}
	parts := make([]string, len(v2.Changes))
	for i, c := range v2.Changes {
		who := core.RaftID(c.GetNodeId()).String()
		if id, ok := n.nodeOf(core.RaftID(c.GetNodeId())); ok {
			who = n.nameOf(id)
		}
		parts[i] = confVerb(c.GetType()) + " " + who
	}
	return "voters: " + strings.Join(parts, ", ")
}

func confVerb(t raftpb.ConfChangeType) string {
	switch t {
	case raftpb.ConfChangeAddNode:
		return "add"
	case raftpb.ConfChangeRemoveNode:
		return "remove"
	case raftpb.ConfChangeAddLearnerNode:
		return "add learner"
	}
	return "update"
}
