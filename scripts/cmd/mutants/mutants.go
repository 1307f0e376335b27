package main

// mutant is a bug that somebody might make.
type mutant struct {
	name    string
	changes []change
}

// mutants are the planted bugs, each a lie about one promise of the house.
var mutants = []mutant{
	{"the log replies before the sync", []change{{
		"core/replog/disk.go",
		"	p.records = nil\n	l.disk.pending = append(l.disk.pending, p)\n",
		"	p.records = nil\n	l.deliver(p.replies)\n	p.replies = nil\n	l.disk.pending = append(l.disk.pending, p)\n",
	}}},
	{"a voter forgets its vote over a restart", []change{{
		"core/replog/log.go",
		"	term, vote := from.Hard.GetTerm(), from.Hard.GetVote()\n	if last",
		"	term, vote := from.Hard.GetTerm(), uint64(0)\n	if last",
	}}},
	{"the log on disk drops the newest hard state", []change{{
		"core/store/wal.go",
		"		t.hard = h\n",
		"		if t.hard == nil || h.GetTerm() == t.hard.GetTerm() {\n			t.hard = h\n		}\n",
	}}},
	{"a sync of the log syncs nothing", []change{{
		"core/store/store.go",
		"	return s.wal.sync()\n",
		"	return nil\n",
	}}},
	{"apply grants although a grant is open", []change{{
		"core/ledger/tasks.go",
		"	case old.Status != Queued:\n",
		"	case old.Status == Cancelling || IsFinal(old.Status):\n",
	}, {
		"core/ledger/tasks.go",
		"	case c.Attempt != NextAttempt(old):\n",
		"	case c.Attempt == 0:\n",
	}, {
		// The leader alone never proposes such a grant; its plan goes first.
		"core/dispatch/queue.go",
		"	if known || keyed || planned || sub.",
		"	if keyed && (known || planned) || sub.",
	}}},
	{"a result with a stale fence counts", []change{{
		"core/ledger/attempts.go",
		"	if open := OpenAttempt(o.Task); open == nil || open.Fence != c.Fence {\n		s.finishLate",
		"	if open := OpenAttempt(o.Task); open == nil {\n		s.finishLate",
	}}},
	{"the runner starts before its intent is synced", []change{{
		"core/runner/attempt.go",
		"			m.move(a, intending)\n			a.seq = m.journal(intent(a))\n",
		"			m.journal(intent(a))\n			m.start(a, starting)\n",
	}}},
	{"a lock is taken from a client that trusts in its lease", []change{{
		"core/lock/machine.go",
		"	strayAfter = core.Lease\n",
		"	strayAfter = core.Lease / 2\n",
	}}},
	{"a read is answered without a quorum", []change{{
		"core/node/read.go",
		"		n.replogStep(replog.Read{Ticket: r.ticket})\n",
		"		n.readAnswered(r.ticket, readResult{ok: true, index: n.replog.Commit(), term: n.replog.Term(), leader: n.self.id})\n",
	}}},
	{"a read without a quorum, seen by clients alone", []change{{
		"core/node/read.go",
		"		n.replogStep(replog.Read{Ticket: r.ticket})\n",
		"		n.readAnswered(r.ticket, readResult{ok: true, index: n.replog.Commit(), term: n.replog.Term(), leader: n.self.id})\n",
	}, {
		// The referee, who knows the log, is sent off: the history must do.
		"core/sim/referee.go",
		"		r.check(\"a confirmed leader leads\", r.reads.leader(c.seen, a.Term))\n",
		"",
	}, {
		"core/sim/referee.go",
		"		r.check(\"reads are linearizable\", r.reads.task(c.seen, ask.Task, t, gone))\n",
		"		_, _, _ = ask, t, gone\n",
	}}},
	{"an overtaken leader acknowledges what it never saw", []change{{
		"core/node/work.go",
		"	if fence.Index() > n.ledger.Applied() {\n		return false",
		"	if false {\n		return false",
	}}},
	{"a fence is only its index", []change{{
		"core/ids.go",
		"return Fence(index<<20 | uint64(position))",
		"return Fence(index<<20 | uint64(position)&0)",
	}}},
	{"what an earlier run left is not ended", []change{{
		"core/supervise/machine.go",
		"			m.put(Reap{s})\n",
		"			m.put(TellGone{f})\n",
	}}},
}
