package node

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/discover"
	"hb/core/dispatch"
	"hb/core/ledger"
	"hb/core/lock"
	"hb/core/replog"
	"hb/core/runner"
	"hb/core/timetable"
	"hb/core/wire"
)

// replogStep tells the log something and carries out what it wants.
func (n *Node) replogStep(ev replog.Event) { n.replogs.do(n.now, ev) }

// carryLog carries out one effect of the log.
func (n *Node) carryLog(f replog.Effect) {
	switch f := f.(type) {
	case replog.Append:
		n.disk.append(n.now, f.Seq)
		n.put(Append{Seq: f.Seq, Records: f.Records})
	case replog.Send:
		n.sendRaft(f)
	case replog.Apply:
		n.apply(f.Entries)
	case replog.Examine:
		at := f.Snapshot.Metadata
		n.put(DecodeSnapshot{Index: at.GetIndex(), Term: at.GetTerm(), Body: f.Snapshot.Data})
	case replog.Install:
		n.install(f.Snapshot)
	case replog.WantSnapshot:
		n.makeSnapshot(f)
	case replog.Pull:
		n.sendTo(f.To, &wire.Envelope{Body: &wire.Envelope_Pull{Pull: f.Pull}})
	case replog.Page:
		n.sendTo(f.To, &wire.Envelope{Body: &wire.Envelope_Page{Page: f.Page}})
	case replog.Note:
		n.log(f.Warn, f.Text)
	default:
		n.carryLogNews(f)
	}
}

// carryLogNews carries out the effects that tell rather than want.
func (n *Node) carryLogNews(f replog.Effect) {
	switch f := f.(type) {
	case replog.ReadOK:
		n.readAnswered(f.Ticket, readResult{ok: true, index: f.Index, term: f.Term, leader: n.self.id})
	case replog.ReadFailed:
		n.readAnswered(f.Ticket, readResult{})
	case replog.Dropped:
		n.dropped(f.Busy)
	case replog.Led:
		n.led()
	case replog.Deposed:
		n.deposed()
	case replog.LeaderIs:
		n.leaderChanged()
	case replog.Conf:
		n.confChanged(f)
	default:
		panic(fmt.Sprintf("node: no way to carry out %T", f))
	}
}

func (n *Node) pullAsked(from core.NodeID, p *wire.Pull) {
	n.replogStep(replog.PullAsked{From: from, Pull: p})
}

func (n *Node) pageCame(from core.NodeID, p *wire.Page) {
	n.replogStep(replog.PageCame{From: from, Page: p})
}

// apply carries committed entries into the ledger and tells everybody whom
// their outcome concerns.
func (n *Node) apply(entries []*raftpb.Entry) {
	for _, raw := range entries {
		e := &wire.Entry{}
		if raw.GetType() == raftpb.EntryNormal {
			var err error
			if e, err = wire.DecodeEntry(raw.Data); err != nil {
				n.stop(core.Faultf(core.CodeInternal, "log entry %d: %v", raw.GetIndex(), err))
				return
			}
		}
		if err := ledger.Understood(e); err != nil {
			fault := core.Faultf(core.CodeConfig, "log entry %d: %v", raw.GetIndex(), err)
			n.stop(fault.WithHint("the cluster runs a newer hb: install the same here"))
			return
		}
		outcomes := n.ledger.Apply(raw.GetIndex(), e)
		if n.tooOld() {
			return
		}
		n.outcomes(raw.GetIndex(), e.WallNanos, outcomes)
		n.serveLogs(raw)
	}
}

// outcomes tells what an applied entry came to.
func (n *Node) outcomes(index uint64, wall int64, list []ledger.Outcome) {
	if len(list) == 0 {
		return
	}
	scheduling, locking := false, false
	for i := range list {
		o := &list[i]
		for _, ev := range o.Events {
			n.emitAt(Record{Wall: wall, Index: index, Kind: ev.Kind, Subject: ev.Subject, Detail: ev.Detail})
		}
		for _, m := range o.Members {
			n.agreedChanged(m)
		}
		n.finishApplied(o)
		n.admissionApplied(o)
		if o.Command.GetSetVoters() != nil {
			n.peersChanged = true
		}
		delete(n.losing, core.NodeID(o.Command.GetForget().GetNode()))
		scheduling, locking = scheduling || isScheduling(o.Command), locking || o.Locked
		n.keys.changed = n.keys.changed || touchesKeys(o)
		if o.Task != nil && ended(o.Task) {
			n.taskEnded(o.Task)
		}
		for _, t := range o.Also {
			if ended(t) {
				n.taskEnded(t)
			}
		}
		n.applied(o)
	}
	n.dispatches.do(n.now, dispatch.Applied{Outcomes: list})
	if scheduling {
		n.timetables.do(n.now, timetable.Changed{})
	}
	if locking {
		n.lockStep(lock.Changed{})
	}
	for i := range list {
		n.tellLoads(list[i].Members)
	}
}

// finishApplied tells the runner here that its report has arrived.
func (n *Node) finishApplied(o *ledger.Outcome) {
	f, ok := o.Command.Body.(*wire.Command_Finish)
	if !ok || o.Task == nil {
		return
	}
	for _, a := range o.Task.Attempts {
		if a.Fence == f.Finish.Fence && core.NodeID(a.Node) == n.self.id {
			n.runners.do(n.now, runner.Acked{Fence: core.Fence(a.Fence)})
		}
	}
}

// led begins what only a leader does.
func (n *Node) led() {
	n.leading, n.admission.look = true, n.now
	n.counted.led++
	n.beginAgreement()
	n.keys.look = n.now
	n.dispatches.do(n.now, dispatch.Led{})
	n.timetables.do(n.now, timetable.Led{})
	n.lockStep(lock.Led{})
	n.peers[n.self.id] = peer{load: n.load, loaded: true}
	n.tellLoads(n.ledger.Members())
	n.agreement.look = n.now
	n.discover(discover.Leading{Yes: true, Members: n.aliveCount()})
}

// deposed ends it: whoever waits here is told to ask the next leader.
func (n *Node) deposed() {
	n.leading = false
	clear(n.losing)
	n.dispatches.do(n.now, dispatch.Deposed{})
	n.timetables.do(n.now, timetable.Deposed{})
	n.lockStep(lock.Deposed{})
	n.discover(discover.Leading{})
	n.returnBatch()
	clear(n.reads.remote)
}

// confChanged tells of new voters.
func (n *Node) confChanged(f replog.Conf) {
	n.admission.look = n.now
	names := make([]string, 0, len(f.Voters))
	for _, raft := range f.Voters {
		if id, ok := n.nodeOf(raft); ok {
			names = append(names, n.nameOf(id))
		} else {
			names = append(names, raft.String())
		}
	}
	slices.Sort(names)
	if text := fmt.Sprint(names); text != n.voterNames {
		n.voterNames = text
		n.emit("voters", n.opts.Name, text)
	}
}

// logFollower is one client that reads the log.
type logFollower struct {
	id   uint64
	next uint64
}

// followLog answers what this node still has of the log and, if asked, goes on.
func (n *Node) followLog(id uint64, q FollowLog) {
	next := max(q.From, n.replog.FirstIndex())
	for ; next <= n.replog.Applied(); next++ {
		if e := n.replog.EntryAt(next); e != nil {
			n.reply(id, n.logRecord(e), false)
		}
	}
	if !q.Follow {
		n.reply(id, nil, true)
		return
	}
	n.clients.logs = append(n.clients.logs, &logFollower{id: id, next: next})
}

// serveLogs gives a freshly applied entry to those who follow.
func (n *Node) serveLogs(e *raftpb.Entry) {
	for _, f := range n.clients.logs {
		if e.GetIndex() >= f.next {
			f.next = e.GetIndex() + 1
			n.reply(f.id, n.logRecord(e), false)
		}
	}
}

// logRecord decodes an entry for people.
func (n *Node) logRecord(e *raftpb.Entry) LogRecord {
	r := LogRecord{Index: e.GetIndex(), Term: e.GetTerm(), Kind: "commands"}
	if e.GetType() != raftpb.EntryNormal {
		r.Kind, r.Text = "conf", n.confText(e)
		return r
	}
	entry, err := wire.DecodeEntry(e.Data)
	switch {
	case err != nil:
		r.Text = err.Error()
	case len(entry.Commands) == 0:
		r.Kind, r.Text = "empty", "a leader begins its term"
	default:
		r.Wall, r.Commands = entry.WallNanos, entry.Commands
		r.Text = n.commandsText(entry.Commands)
	}
	return r
}
