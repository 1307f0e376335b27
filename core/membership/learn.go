package membership

import (
	"fmt"
	"net/netip"
	"strings"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
	"hb/core/spread"
	"hb/core/wire"
)

// learn takes evidence that another member sent. What contradicts the table is
// answered where that helps: to the subject, who alone can refute, or to a
// member that still believes what has been refuted.
//
// It passes changes on to others if pass says so.
func (m *Machine) learn(now core.Instant, e member.Evidence, by core.NodeID, from netip.AddrPort, pass bool) {
	if e.ID == m.self {
		m.learnOfSelf(now, e, by, from)
		return
	}
	if e.Status == core.Left && by != 0 && m.departed != nil && !m.departed(e.ID, e.Instance) {
		return
	}
	row, known := m.table.Get(e.ID)
	if known {
		if m.implausible(row, e) {
			return
		}
		m.watchDouble(row, e)
	}
	if m.learned(now, e, pass) || !known {
		return
	}
	stale := e.Status == core.Alive && row.Status != core.Alive && row.Instance == e.Instance
	if stale {
		// Somebody, perhaps the subject, has not heard of the accusation.
		m.tell(now, row.ID, row.Addr, row)
	}
}

// maxLeap is how far the incarnation of a member may be ahead of what this node
// knows: a refutation every second that it missed, for twelve days.
const maxLeap = 1 << 20

// implausible says that evidence speaks of an incarnation that its subject, who
// alone raises it, cannot have reached. An accusation at the highest one could
// not be refuted any more.
func (m *Machine) implausible(row member.Row, e member.Evidence) bool {
	if e.Instance != row.Instance || e.Incarnation <= row.Incarnation || e.Incarnation-row.Incarnation <= maxLeap {
		return false
	}
	m.once("leap of "+row.ID.String(), true, "somebody says that %s is %s at incarnation %d; it is known at %d, so that is not believed",
		row.Name, e.Status, e.Incarnation, row.Incarnation)
	return true
}

// learnOfSelf takes what others say of this node.
func (m *Machine) learnOfSelf(now core.Instant, e member.Evidence, by core.NodeID, from netip.AddrPort) {
	own := m.table.Self()
	switch {
	case m.implausible(own, e):
	case e.Instance > own.Instance:
		m.once("later self", true, "%s knows a later start of this node (%d, here is %d): another process runs with a copy "+
			"of its data directory, or the directory was put back from a backup", by, e.Instance, own.Instance)
	case e.Status == core.Alive:
		if !e.Bare && e.Instance == own.Instance && (e.Addr != own.Addr || e.Name != own.Name) {
			m.double(e.Addr)
		}
	case e.Outranks(own) && own.Status == core.Alive:
		m.accused(now, e)
	case own.Outranks(e.Row) && from.IsValid():
		m.tell(now, by, from, own)
	}
}

// learned merges evidence, follows up what it changed, and passes that on if
// pass says so; false if nothing changed.
func (m *Machine) learned(now core.Instant, e member.Evidence, pass bool) bool {
	change, changed := m.table.Merge(now, e)
	m.testify(e)
	if !changed {
		if row, known := m.table.Get(e.ID); known && e.Status == core.Suspect && e.SameRank(row) {
			m.accused(now, e)
		}
		return false
	}
	if pass && (change.Before.ID != 0 || change.After.Living()) {
		m.push(change.After)
	}
	m.follow(now, change)
	return true
}

// follow tells everybody concerned that the table changed.
func (m *Machine) follow(now core.Instant, c member.Change) {
	if c.Before.Living() != c.After.Living() || c.Before.Incarnation != c.After.Incarnation || c.Before.Instance != c.After.Instance {
		m.unsettled(now, c.After.Living() && !c.Before.Living())
	}
	if c.After.Accuser == m.self && m.news.mode == spread.Piggyback && !m.without.Has(detect.Buddy) {
		m.news.haste.First(c.After.ID)
	}
	m.watchName(c)
	m.watchUnrest(now, c)
	if why, visible := m.explain(c); visible {
		m.out = append(m.out, Changed{Before: c.Before, After: c.After, Why: why})
	}
	if m.detector != nil {
		m.detect(now, detect.Changed{Change: c})
	}
}

// accused hands an accusation to the detector, which refutes or counts it.
func (m *Machine) accused(now core.Instant, e member.Evidence) {
	if m.detector != nil {
		m.detect(now, detect.Accused{Evidence: e})
	}
}

// tell sends one row to one member, at most once a period to each.
func (m *Machine) tell(now core.Instant, to core.NodeID, addr netip.AddrPort, row member.Row) {
	if m.without.Has(detect.Correction) {
		return
	}
	if last, told := m.heal.told[to]; told && now.Sub(last) < m.period || m.detector == nil {
		return
	}
	m.heal.told[to] = now
	m.emit(to, addr, wire.Packet{Kind: wire.KindBulletin, News: []wire.News{member.ToNews(row)}})
}

// explain says in words what a change is; not visible if people need not know.
func (m *Machine) explain(c member.Change) (why string, visible bool) {
	b, a := c.Before, c.After
	switch {
	case b.ID == 0:
		return "first heard of", true
	case a.Status == core.Left && b.Status != core.Left:
		return "left on its own wish", true
	case a.Status == core.Dead && b.Status != core.Dead:
		return m.accusation("called dead by", a), true
	case a.Status == core.Suspect && b.Status != core.Suspect:
		return m.accusation("suspected by", a), true
	case a.Instance != b.Instance:
		return fmt.Sprintf("started again (start %d)", a.Instance), true
	case a.Status == core.Alive && b.Status != core.Alive:
		return fmt.Sprintf("refuted being %s", b.Status), true
	case a.Addr != b.Addr:
		return fmt.Sprintf("moved from %s", b.Addr), true
	case a.Name != b.Name:
		return fmt.Sprintf("was called %s", b.Name), true
	}
	return "", false
}

func (m *Machine) accusation(verb string, row member.Row) string {
	text := verb + " " + m.nameOf(row.Accuser)
	if why := row.Why.String(); why != "" {
		text += ": " + why
	}
	return text
}

// nameOf gives the name of a member, or its ID.
func (m *Machine) nameOf(id core.NodeID) string {
	if row, ok := m.table.Get(id); ok && row.Name != "" {
		return row.Name
	}
	return id.String()
}

// unjudged is why a member stays unreachable and is not called dead.
const unjudged = "no answer from here, and it is the centre, which nobody else watches: only an election can replace it"

// remark passes on that a member does not answer.
func (m *Machine) remark(e detect.Unreachable) {
	if row, ok := m.table.Get(e.ID); ok && row.Living() {
		why := m.Blame(e.ID)
		if e.Again {
			why = "answers again"
		}
		m.out = append(m.out, Unreachable{Row: row, Again: e.Again, Why: why})
	}
}

// Blame says who suspects or declared dead a member, and why, or why it is
// unreachable; empty when nobody does.
func (m *Machine) Blame(id core.NodeID) string {
	row, ok := m.table.Get(id)
	if m.Unreachable(id) && row.Status == core.Alive {
		return unjudged
	}
	if !ok || row.Accuser == 0 {
		return ""
	}
	verb := "suspected by"
	if row.Status == core.Dead {
		verb = "called dead by"
	}
	text := m.accusation(verb, row)
	var others []string
	for _, other := range m.Witnesses(id) {
		if other != row.Accuser {
			others = append(others, m.nameOf(other))
		}
	}
	if len(others) > 0 {
		text += "; confirmed by " + strings.Join(others, ", ")
	}
	if m.Unreachable(id) {
		text += "; nobody confirms it, so it is not called dead"
	}
	return text
}
