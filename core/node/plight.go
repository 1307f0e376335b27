package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hb/core"
)

// This file is why a cluster has no leader, in words for people who must do
// something about it.

// plightAfter is how long there must have been no leader before this node says
// why without being asked: longer than any election.
const plightAfter = 5 * time.Second

// plight is why there is no leader, and what can be done; empty where there is
// one, or nothing is known that stands in the way of one.
func (n *Node) plight() (why, hint string) {
	voters := n.replog.Voters()
	if !n.self.joined || n.leader().id != 0 || len(voters) == 0 {
		return "", ""
	}
	if why, hint = n.certificateEnd(); why != "" {
		return why, hint
	}
	doubtful, void := n.replog.Doubtful(), n.replog.Void()
	var silent []core.RaftID
	for _, id := range voters {
		if !slices.Contains(void, id) && !n.answers(id) {
			silent = append(silent, id)
		}
	}
	need := len(voters)/2 + 1
	switch able := len(voters) - len(silent) - len(void); {
	case able < need:
		return fmt.Sprintf("of the %d voters %d are needed to elect one%s%s", len(voters), need,
				n.those(silent, "does not answer", "do not answer"), n.those(void, "has lost its log", "have lost their logs")),
			"start those that are missing, and nothing is lost; if too many are gone for good: " + recoverHint
	case len(doubtful) > 0 && len(silent) > 0:
		return fmt.Sprintf("the last write of %s was torn by a crash, and only %s could tell what it held%s",
				n.namesOf(doubtful), n.namesOf(silent), n.those(silent, "does not answer", "do not answer")),
			fmt.Sprintf("start %s, and nothing is lost; if that is gone for good: %s", n.namesOf(silent), recoverHint)
	}
	return "", ""
}

const recoverHint = "stop a survivor and run hb recover --dry-run on its data directory, which explains what to do"

// answers says whether a voter is believed to live.
func (n *Node) answers(raft core.RaftID) bool {
	id, ok := n.nodeOf(raft)
	if !ok {
		return false
	}
	row, known := n.membership.Table().Get(id)
	return id == n.self.id || known && (row.Status == core.Alive || row.Status == core.Suspect)
}

// those is a clause about some voters; nothing about none.
func (n *Node) those(ids []core.RaftID, one, many string) string {
	switch len(ids) {
	case 0:
		return ""
	case 1:
		return ", and " + n.namesOf(ids) + " " + one
	}
	return ", and " + n.namesOf(ids) + " " + many
}

func (n *Node) namesOf(ids []core.RaftID) string {
	var names []string
	for _, raft := range ids {
		name := raft.String()
		if id, ok := n.nodeOf(raft); ok {
			name = n.nameOf(id)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// tellPlight logs why there has been no leader for so long, once.
func (n *Node) tellPlight() {
	if n.leader().id != 0 {
		n.saidPlight = ""
		return
	}
	if n.leaderless() < plightAfter {
		return
	}
	if why, hint := n.plight(); why != n.saidPlight {
		if n.saidPlight = why; why != "" {
			n.log(true, fmt.Sprintf("no leader: %s; %s", why, hint))
		}
	}
}
