package node

import (
	"time"

	"hb/core"
	"hb/core/wire"
)

// questionAgain is when a question that the leader has not answered is asked again.
const questionAgain = 300 * time.Millisecond

// question is one client's that only the leader can answer, for it is about what is
// in no log.
type question struct {
	client uint64 // the request
	id     uint64 // of the question to the leader
	frame  *wire.Envelope
	here   func() any // the answer of this node, when it leads
	alone  func() any // what is said when nobody has answered until limit
	again  core.Instant
	limit  core.Instant
}

// nextQuestion is the number of the next one.
func (n *Node) nextQuestion() uint64 {
	n.clients.tickets++
	return n.clients.tickets
}

// putQuestion answers a client, now or when the leader has.
func (n *Node) putQuestion(q *question) {
	q.again = n.now
	n.clients.questions = append(n.clients.questions, q)
	n.serveQuestions()
}

// serveQuestions asks whoever leads, and gives up on what waited too long.
func (n *Node) serveQuestions() {
	for _, q := range n.clients.questions {
		leader := n.leader()
		switch {
		case n.now >= q.limit:
			n.endQuestion(q, q.alone())
		case n.now < q.again:
		case n.leading:
			n.endQuestion(q, q.here())
		default:
			q.again = n.now.Add(questionAgain)
			if leader.id != 0 && leader.id != n.self.id {
				n.sendTo(leader.id, q.frame)
			}
		}
	}
}

func (n *Node) endQuestion(q *question, answer any) {
	n.clients.questions = without(n.clients.questions, func(o *question) bool { return o == q })
	n.reply(q.client, answer, true)
}

// answerCame is what another node says to a question, which counts if it leads.
func (n *Node) answerCame(id uint64, leading bool, answer any) {
	for _, q := range n.clients.questions {
		if q.id == id && leading {
			n.endQuestion(q, answer)
			return
		}
	}
}

// nextServeQuestions is when serveQuestions has something to do.
func (n *Node) nextServeQuestions() core.Instant {
	next := core.Never
	for _, q := range n.clients.questions {
		next = core.Earlier(next, core.Earlier(q.again, q.limit))
	}
	return next
}
