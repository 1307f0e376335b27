package replog

import (
	"slices"
	"time"

	"hb/core"

	"go.etcd.io/raft/v3/raftpb"
)

// newsDelay is how long the news that more is committed waits for entries to
// ride on. Under load there are always some before it is over, which halves the
// messages of a commit; without, a follower learns of it so much later, which
// nobody waits for: whoever proposed is answered by the leader.
const newsDelay = time.Millisecond

// news are messages that tell voters and learners of nothing but commits. The
// engine sends one to each after every commit, and understands it if one of them
// is lost, or if the next one says more.
type news struct {
	held map[core.RaftID]*raftpb.Message
	due  core.Instant // of the oldest; means nothing while none is held
}

// onlyNews says whether a message holds no entries.
func onlyNews(m *raftpb.Message) bool {
	return m.GetType() == raftpb.MsgApp && len(m.GetEntries()) == 0
}

// hold keeps a message back in the place of an older one.
func (l *Log) hold(m *raftpb.Message) {
	if l.lead.news.held == nil {
		l.lead.news.held = map[core.RaftID]*raftpb.Message{}
	}
	if len(l.lead.news.held) == 0 {
		l.lead.news.due = l.now.Add(newsDelay)
	}
	l.lead.news.held[core.RaftID(m.GetTo())] = m
}

// nextNews is when what is held back must leave.
func (l *Log) nextNews() core.Instant {
	if len(l.lead.news.held) == 0 {
		return core.Never
	}
	return l.lead.news.due
}

// tellNews lets go what found nothing to ride on.
func (l *Log) tellNews() {
	if l.now < l.nextNews() {
		return
	}
	var to []core.RaftID
	for id := range l.lead.news.held {
		to = append(to, id)
	}
	slices.Sort(to)
	for _, id := range to {
		if m := l.lead.news.held[id]; !l.mute(m) {
			l.emit(Send{To: id, Msg: m})
		}
	}
	clear(l.lead.news.held)
}
