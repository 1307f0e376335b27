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

// enroll lets a machine in. Whether its token has ended is judged here by the log's
// time, which may lag, but not by this machine's clock: the leader's decides.
func (n *Node) enroll(id uint64, q Enroll) {
	if fault := n.turnedAway(q.Admit, q.Unread, n.ledger.Wall); fault != nil {
		n.reply(id, fault, true)
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
	if fault := n.turnedAway(q.Admit, q.Unread, n.wall); fault != nil {
		n.reply(id, fault, true)
		return
	}
	n.confirmKnock(q.Admit, n.wall, func(refused *core.Fault) {
		if refused != nil {
			n.reply(id, refused, true)
			return
		}
		n.reply(id, nil, true)
	})
}

// turnedAway is why a machine is refused before anybody else is asked; nil: it is not.
func (n *Node) turnedAway(a *wire.Admit, unread bool, clock func() int64) *core.Fault {
	if !n.self.joined {
		return core.Faultf(core.CodeBusy, "%s is in no cluster itself yet", n.opts.Name).WithHint("try again in a moment")
	}
	if v := n.ledger.WouldAdmit(a, clock()); v != nil && unread {
		return asFarAsKnown(v)
	}
	return nil
}

// judgeKnock says why a machine would not be let in, at the time that a clock
// shows; nil if it would. What is known here may be old: before it refuses, a
// majority confirms that it is not.
func (n *Node) judgeKnock(a *wire.Admit, clock func() int64, done func(*core.Fault)) {
	if n.ledger.WouldAdmit(a, clock()) == nil {
		done(nil)
		return
	}
	n.confirmKnock(a, clock, done)
}

// confirmKnock judges a machine by what a majority has agreed on by now.
func (n *Node) confirmKnock(a *wire.Admit, clock func() int64, done func(*core.Fault)) {
	n.readIndex(true, func(res readResult) {
		if !res.ok {
			done(n.noQuorum())
			return
		}
		done(n.ledger.WouldAdmit(a, clock()).Fault())
	})
}

// asFarAsKnown is a refusal that no majority has confirmed.
func asFarAsKnown(v *wire.Verdict) *core.Fault {
	return core.Faultf(core.CodeBusy, "%s, as far as this member knows; too many from the same address were refused to ask the others", v.Message).
		WithHint("try again in a minute, or another member")
}

// screenKnock is the leader's part.
func (n *Node) screenKnock(c *wire.Command) {
	n.judgeKnock(c.GetAdmit(), n.wall, func(refused *core.Fault) {
		switch {
		case !n.replog.Leading():
			n.answerProposer(c, answer{verdict: notLeading()})
		case refused != nil:
			n.answerProposer(c, answer{verdict: wire.VerdictOf(refused)})
		default:
			n.enqueue(c)
		}
	})
}
