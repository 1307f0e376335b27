package node

import (
	"hb/core"
	"hb/core/wire"
)

// This file keeps machines that nobody has invited out of the log. An Admit is in
// the end judged by the ledger, as part of the log; but whoever can reach a member
// can ask for one, so it is judged before, too, and is only put there if it would
// be carried out: by the member that was asked, and by the leader, since what a
// member proposes may be made up as well. Between that and its place in the log a
// token may still be used up or revoked.

// enroll lets a machine in.
func (n *Node) enroll(id uint64, q Enroll) {
	if !n.self.joined {
		n.reply(id, n.noClusterYet(), true)
		return
	}
	// Whether a token has ended is judged by the log's time, which may lag, but not
	// by this machine's clock: the leader's decides.
	if v := n.ledger.WouldAdmit(q.Admit, n.ledger.Wall()); v != nil && q.Unread {
		n.reply(id, asFarAsKnown(v), true)
		return
	}
	n.judgeKnock(q.Admit, n.ledger.Wall, func(refused *core.Fault) {
		if refused != nil {
			n.reply(id, refused, true)
			return
		}
		n.proposeAdmit(id, q.Admit)
	})
}

// proposeAdmit has the log let a machine in that nothing here speaks against.
func (n *Node) proposeAdmit(id uint64, admit *wire.Admit) {
	n.propose(&wire.Command{Body: &wire.Command_Admit{Admit: admit}}, func(a answer) {
		if f := answerFault(a); f != nil {
			n.reply(id, f, true)
			return
		}
		n.admission.waiting = append(n.admission.waiting, &enrolling{id: id, admit: admit, limit: n.now.Add(certifyLimit)})
	})
}

// tryEnroll judges a machine by the newest that was agreed.
func (n *Node) tryEnroll(id uint64, q TryEnroll) {
	switch {
	case !n.self.joined:
		n.reply(id, n.noClusterYet(), true)
		return
	case q.Unread && n.ledger.WouldAdmit(q.Admit, n.wall()) != nil:
		n.reply(id, asFarAsKnown(n.ledger.WouldAdmit(q.Admit, n.wall())), true)
		return
	}
	n.readIndex(true, func(res readResult) {
		if !res.ok {
			n.reply(id, n.noQuorum(), true)
			return
		}
		if v := n.ledger.WouldAdmit(q.Admit, n.wall()); v != nil {
			n.reply(id, answerFault(answer{verdict: v}), true)
			return
		}
		n.reply(id, nil, true)
	})
}

// judgeKnock says why a machine would not be let in, at the time that a clock
// shows; nil if it would. What is known here may be old: before it refuses, a
// majority confirms that it is not.
func (n *Node) judgeKnock(a *wire.Admit, clock func() int64, done func(*core.Fault)) {
	if n.ledger.WouldAdmit(a, clock()) == nil {
		done(nil)
		return
	}
	n.readIndex(true, func(res readResult) {
		if !res.ok {
			done(n.noQuorum())
			return
		}
		done(answerFault(answer{verdict: n.ledger.WouldAdmit(a, clock())}))
	})
}

// asFarAsKnown is a refusal that no majority has confirmed.
func asFarAsKnown(v *wire.Verdict) *core.Fault {
	return core.Faultf(core.CodeBusy, "%s, as far as this member knows; too many from the same address were refused to ask the others", v.Message).
		WithHint("try again in a minute, or another member")
}

// screen is the leader's part: it puts a command in the log, or says at once what
// the log would say.
func (n *Node) screen(c *wire.Command) {
	admit := c.GetAdmit()
	if admit == nil {
		n.enqueue(c)
		return
	}
	n.judgeKnock(admit, n.wall, func(refused *core.Fault) {
		switch {
		case !n.replog.Leading():
			n.answerProposer(c, answer{verdict: notLeading()})
		case refused != nil:
			n.answerProposer(c, answer{verdict: &wire.Verdict{Code: uint32(refused.Code), Message: refused.Message, Hint: refused.Hint}})
		default:
			n.enqueue(c)
		}
	})
}
