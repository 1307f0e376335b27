package node

import (
	"maps"
	"slices"
	"time"

	"hb/core"
	"hb/core/agree"
	"hb/core/ledger"
	"hb/core/member"
	"hb/core/membership"
	"hb/core/replog"
	"hb/core/wire"
)

// agreement is the leader's care for the agreed directory: it turns what its
// own table says into commands, one at a time. Who came or left on its own wish
// is taken as it is; whether a silent member is down is decided by core/agree.
type agreement struct {
	flying int          // commands on their way
	look   core.Instant // when to compare again at the latest
	begun  core.Instant // when it began to lead
	filter *agree.Machine
	asks   map[uint64]core.NodeID // the filter's open questions, by ticket
}

// Why a member is not up.
const (
	reasonLeft     = ledger.Left
	reasonCrash    = ledger.Crash
	reasonShutdown = "shutdown"
	reasonRestart  = ledger.Restart
	reasonUnsteady = "unsteady"
)

// agreeEvery is how often the leader compares table and directory even when
// nothing seems to have changed.
const agreeEvery = time.Second

// beginAgreement gives a new leader its filter.
func (n *Node) beginAgreement() {
	n.agreement.filter, n.agreement.asks = agree.New(n.opts.Period), map[uint64]core.NodeID{}
	n.agreement.look, n.agreement.begun = n.now, n.now
}

// agree proposes what the directory lacks. All changes found at once share one
// command, so that members that join or fail together become one entry.
func (n *Node) agree() {
	if !n.leading || n.agreement.flying > 0 || n.now < n.agreement.look {
		return
	}
	n.agreement.look = n.now.Add(agreeEvery)
	up := &wire.MemberUp{}
	left := &wire.MemberDown{Reason: reasonLeft}
	var silent []member.Row
	n.membership.Table().Each(func(row member.Row) bool {
		if _, was := n.ledger.Forgotten(row.ID); was {
			return true
		}
		m, known := n.ledger.Member(row.ID)
		stands := known && m.State != ledger.Left && core.Instance(m.Row.Instance) <= row.Instance
		switch {
		case row.Status == core.Left && stands:
			left.Ids, left.Instances = append(left.Ids, uint64(row.ID)), append(left.Instances, m.Row.Instance)
		case row.Status == core.Alive && n.unmet[row.ID] != nil:
			n.greet(row)
		case row.Status == core.Alive && (!known || n.stale(m, row)):
			up.Rows = append(up.Rows, member.ToWire(n.now, row))
		case stands && m.State == ledger.Up && (row.Status != core.Alive || n.membership.Steadiness(n.now, row.ID) != membership.Steady):
			silent = append(silent, row)
		}
		return true
	})
	if len(up.Rows) > 0 {
		n.proposeAgreed(&wire.Command{Body: &wire.Command_MemberUp{MemberUp: up}})
	}
	if len(left.Ids) > 0 {
		n.proposeAgreed(&wire.Command{Body: &wire.Command_MemberDown{MemberDown: left}})
	}
	n.raiseFeatures()
	n.filterSilent(silent)
}

// heardLately is how many periods ago a member was heard at most that must not
// be called down without having been asked, and company in how many a member was
// that could be a second voice.
const heardLately, company = 2, 3

// filterSilent shows the filter who does not answer, and does what it wants.
func (n *Node) filterSilent(silent []member.Row) {
	if len(silent) == 0 {
		clear(n.agreement.asks)
	}
	var look agree.Look
	for _, row := range silent {
		steadiness := n.membership.Steadiness(n.now, row.ID)
		look.Standings = append(look.Standings, agree.Standing{
			Unsteady: steadiness == membership.Unsteady, Wavering: steadiness == membership.Wavering,
			ID: row.ID, Instance: row.Instance, Incarnation: row.Incarnation, Dead: row.Status == core.Dead,
			Accusers: n.membership.Witnesses(row.ID), Heard: !n.refusedBy(row) && n.hearsSince(row.ID, heardLately),
		})
	}
	if len(silent) > 0 {
		n.membership.Table().Each(func(row member.Row) bool {
			if row.Living() && row.ID != n.self.id && n.hearsSince(row.ID, company) {
				look.Peers++
			}
			return look.Peers < agree.High
		})
	}
	for _, f := range slices.Clone(n.agreement.filter.Step(n.now, look)) { // what it wants may be answered at once
		n.carryFilter(f)
	}
	n.agreement.look = core.Earlier(n.agreement.look, n.agreement.filter.Next())
}

// hearsSince says whether this node heard a member within so many periods.
func (n *Node) hearsSince(id core.NodeID, periods time.Duration) bool {
	at, ever := n.membership.Heard(id)
	return ever && n.now.Sub(at) <= periods*n.opts.Period
}

// carryFilter does what the filter wants.
func (n *Node) carryFilter(f agree.Effect) {
	switch f := f.(type) {
	case agree.Roll:
		n.memberships.do(n.now, membership.Roll{})
	case agree.Ask:
		row, _ := n.membership.Table().Get(f.ID)
		maps.DeleteFunc(n.agreement.asks, func(_ uint64, id core.NodeID) bool { return id == f.ID })
		n.clients.tickets++
		n.agreement.asks[n.clients.tickets] = f.ID
		n.memberships.do(n.now, membership.Reach{Ticket: n.clients.tickets, Target: f.ID, Addr: row.Addr, Helpers: probeHelpers})
	case agree.Down:
		down := &wire.MemberDown{Reason: reasonCrash}
		if f.Unsteady {
			down.Reason = reasonUnsteady
		}
		for i, id := range f.IDs {
			// A run that the log never heard of ended: so did the one it knows.
			instance := uint32(f.Instances[i])
			if m, known := n.ledger.Member(id); known {
				instance = min(instance, m.Row.Instance)
			}
			down.Ids, down.Instances = append(down.Ids, uint64(id)), append(down.Instances, instance)
		}
		n.proposeAgreed(&wire.Command{Body: &wire.Command_MemberDown{MemberDown: down}})
	}
}

// filterHeard is the answer to a question of the filter's; false if it is not.
// A helper that did not answer at all has said nothing; this node itself has
// always.
func (n *Node) filterHeard(f membership.Reached) bool {
	id, asked := n.agreement.asks[f.Ticket]
	if !asked {
		return false
	}
	by := f.Via
	if by == 0 {
		by = n.self.id
	}
	if f.OK || f.Told || f.Via == 0 {
		n.agreement.filter.Step(n.now, agree.Said{ID: id, By: by, Answered: f.OK})
		n.agreement.look = n.now
	}
	return true
}

// rolled ends the filter's roll call.
func (n *Node) rolled() {
	if n.agreement.filter != nil {
		n.agreement.filter.Step(n.now, agree.RollOver{})
		n.agreement.look = n.now
	}
}

// steadyAgain says whether a member that was agreed down for being unsteady may
// be up again. Another leader decided that, perhaps, so this one must have led
// for as long as it takes to see for itself.
func (n *Node) steadyAgain(id core.NodeID) bool {
	return n.membership.Steadiness(n.now, id) == membership.Steady && n.now >= n.agreement.begun.Add(n.membership.Calm())
}

// stale says whether the directory's row of a living member needs renewal.
func (n *Node) stale(m *wire.Agreed, row member.Row) bool {
	switch {
	case core.Instance(m.Row.Instance) > row.Instance:
		return false
	case core.Instance(m.Row.Instance) < row.Instance:
		return true
	case m.State == ledger.Down && m.Reason == reasonUnsteady:
		return n.steadyAgain(row.ID)
	case m.State == ledger.Down:
		return !saidItself(m.Reason)
	case m.State == ledger.Left:
		return false // comes back with a newer instance only
	}
	return m.Row.Addr != row.Addr.String() || m.Row.Name != row.Name || m.Row.Raft != uint64(row.Raft) || m.Row.Version != row.Version || m.Row.Features != uint32(row.Features) || !maps.Equal(m.Row.Tags, row.Tags)
}

// saidItself says whether a run that is down for that reason has said so itself.
func saidItself(reason string) bool { return reason == reasonShutdown || reason == reasonRestart }

func (n *Node) proposeAgreed(c *wire.Command) {
	n.agreement.flying++
	n.propose(c, func(a answer) {
		n.agreement.flying--
		n.agreement.look = n.now
		if answerFault(a) != nil {
			n.agreement.look = n.now.Add(agreeEvery)
		}
	})
}

// agreedChanged follows a change of the directory.
func (n *Node) agreedChanged(m *wire.Agreed) {
	id := core.NodeID(m.Row.Id)
	if m.Row.Raft != 0 {
		n.byRaft[core.RaftID(m.Row.Raft)] = id
	}
	if t, was := n.ledger.Forgotten(id); was {
		n.buried(m, t)
	}
	n.hearsay(m)
	n.sayLeft(m)
	if m.State == ledger.Up {
		n.met(id, core.Instance(m.Row.Instance))
	}
	n.peersChanged, n.condition.look = true, true
	n.agreement.look = n.now
}

// tellPeers gives the log the members among whom it chooses voters.
func (n *Node) tellPeers() {
	if !n.peersChanged {
		return
	}
	n.peersChanged = false
	var list []replog.Peer
	var void []core.RaftID
	for _, m := range n.ledger.Members() {
		id := core.NodeID(m.Row.Id)
		row, ok := n.membership.Table().Get(id)
		list = append(list, replog.Peer{
			Raft: core.RaftID(m.Row.Raft), Node: id,
			Up:   m.State == ledger.Up && ok && row.Status == core.Alive,
			Left: m.State == ledger.Left,
			Zone: m.Row.Tags["zone"], Wish: replog.Wish(m.Vote),
		})
		if ok && row.Status == core.Alive && row.Instance > core.Instance(m.Row.Instance) && uint64(row.Raft) != m.Row.Raft {
			void = append(void, core.RaftID(m.Row.Raft)) // it takes another raft ID only when it has lost its log
		}
	}
	n.replogStep(replog.Peers{List: list, Voters: n.ledger.Voters(), Void: void})
}
