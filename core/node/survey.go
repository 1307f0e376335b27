package node

import (
	"slices"
	"time"

	"hb/core"
	"hb/core/wire"
)

// surveyLimit is how long members may take to say how far their logs are.
const surveyLimit = time.Second

// survey is one round of questions to members about their logs.
type survey struct {
	nonce   uint64
	limit   core.Instant
	waiting []core.NodeID
	answers map[core.NodeID]*wire.Position
	done    func(map[core.NodeID]*wire.Position)
}

// survey asks members how far their logs are; done is called once, with the
// answers of those who gave one in time.
func (n *Node) survey(whom []core.NodeID, done func(map[core.NodeID]*wire.Position)) {
	n.clients.tickets++
	s := &survey{nonce: n.clients.tickets, limit: n.now.Add(surveyLimit), answers: map[core.NodeID]*wire.Position{}, done: done}
	for _, id := range whom {
		if id == n.self.id {
			s.answers[id] = n.position(0)
			continue
		}
		s.waiting = append(s.waiting, id)
	}
	n.clients.surveys = append(n.clients.surveys, s)
	for _, id := range slices.Clone(s.waiting) {
		n.sendTo(id, &wire.Envelope{Body: &wire.Envelope_PositionAsk{PositionAsk: &wire.PositionAsk{Nonce: s.nonce}}})
	}
	n.serveSurveys()
}

// position says how far this node's log is.
func (n *Node) position(nonce uint64) *wire.Position {
	p := &wire.Position{
		Nonce: nonce, Term: n.replog.Term(), Commit: n.replog.Commit(), Applied: n.ledger.Applied(),
		First: n.replog.FirstIndex(), Last: n.replog.LastIndex(), Snapshot: n.replog.SnapshotIndex(),
		Role: n.roleOf(n.self.id), Settled: n.replog.Settled(),
	}
	for _, s := range n.replog.Standings() {
		p.Standings = append(p.Standings, &wire.Standing{Raft: uint64(s.Raft), Match: s.Match, Why: s.Why})
	}
	return p
}

// positionAsked answers another member's question.
func (n *Node) positionAsked(from core.NodeID, m *wire.PositionAsk) {
	n.sendTo(from, &wire.Envelope{Body: &wire.Envelope_Position{Position: n.position(m.Nonce)}})
}

// positionCame is a member's answer.
func (n *Node) positionCame(from core.NodeID, m *wire.Position) {
	for _, s := range n.clients.surveys {
		if at := slices.Index(s.waiting, from); s.nonce == m.Nonce && at >= 0 {
			s.waiting = slices.Delete(s.waiting, at, at+1)
			s.answers[from] = m
		}
	}
	n.serveSurveys()
}

// serveSurveys ends the rounds that have all answers, or had their time.
func (n *Node) serveSurveys() {
	over := func(s *survey) bool { return len(s.waiting) == 0 || n.now >= s.limit }
	ended := slices.DeleteFunc(slices.Clone(n.clients.surveys), func(s *survey) bool { return !over(s) })
	if len(ended) == 0 {
		return
	}
	n.clients.surveys = without(n.clients.surveys, over)
	for _, s := range ended {
		s.done(s.answers)
	}
}

// nextSurvey is when serveSurveys has something to do.
func (n *Node) nextSurvey() core.Instant {
	next := core.Never
	for _, s := range n.clients.surveys {
		next = core.Earlier(next, s.limit)
	}
	return next
}
