package membership

import (
	"net/netip"

	"hb/core"
	"hb/core/member"
	"hb/core/wire"
)

// Two members settle a difference in three steps, none of which grows with what
// they have in common but the first, by two bytes a row:
//
//  1. one sends the digest of its table (member.Digest);
//  2. the other sends its rows of those parts that differ;
//  3. the first one sends back what the other lacks of them.
//
// A small table is shown at once instead, and answered with what it lacks: so is
// every table by a program that knows no digests.

const (
	// rowsAPart is how many rows a part of a digest stands for: a sum takes 8 bytes,
	// a row about 60, and some parts differ in one.
	rowsAPart = 4
	// fewRows is how many are shown without asking.
	fewRows = 64
	// maxParts bounds a digest.
	maxParts = 4096
)

// showTable begins to settle a difference with a member.
func (m *Machine) showTable(now core.Instant, to netip.AddrPort) {
	e := SendRows{To: to, Reply: true}
	if n := m.table.Len(); n <= fewRows {
		e.Rows = m.table.ToWire(now)
	} else {
		e.Rows = []*wire.Row{member.ToWire(now, m.table.Self())} // which may be unknown there
		e.Digest = m.table.Digest(min(n/rowsAPart, maxParts))
	}
	m.out = append(m.out, e)
}

// rows merges a table. Whether its changes are news to others depends on how
// it came: what a disk remembers is not, nor is the table that a newcomer gets.
func (m *Machine) rows(now core.Instant, e Rows) {
	pass := e.From != 0 && (m.table.Living() > 1 || e.Reply || len(e.Rows) == 1)
	before := m.table.Hash()
	seen := make(map[core.NodeID]member.Row, len(e.Rows))
	for _, w := range e.Rows {
		evidence, err := member.FromWire(now, w)
		if err != nil {
			m.once("row from "+e.From.String(), true, "%s sends an unusable row: %v", e.From, err)
			continue
		}
		seen[evidence.ID] = evidence.Row
		m.learn(now, m.doubt(now, evidence, e.From), e.From, e.Addr, pass)
	}
	if m.table.Hash() != before {
		m.reconcile.wait = 0
	}
	if row, ok := m.table.Get(e.From); ok && !e.Addr.IsValid() {
		e.Addr = row.Addr
	}
	switch {
	case !e.Reply || m.detector == nil || !e.Addr.IsValid():
	case len(e.Digest) > 0:
		m.answerDigest(now, e)
	default:
		m.answerRows(now, e, seen)
	}
}

// answerDigest sends the rows of those parts that differ.
func (m *Machine) answerDigest(now core.Instant, e Rows) {
	of := len(e.Digest)
	if of > maxParts {
		return
	}
	answer := SendRows{To: e.Addr, Reply: true, Of: uint32(of)}
	differs := make([]bool, of)
	for part, sum := range m.table.Digest(of) {
		if differs[part] = sum != e.Digest[part]; differs[part] {
			answer.Parts = append(answer.Parts, uint32(part))
		}
	}
	if len(answer.Parts) == 0 {
		return
	}
	m.table.Each(func(r member.Row) bool {
		if differs[member.Part(r.ID, of)] {
			answer.Rows = append(answer.Rows, member.ToWire(now, r))
		}
		return true
	})
	m.out = append(m.out, answer)
}

// answerRows sends back the rows that the other table, or its parts, lacked or had
// older.
func (m *Machine) answerRows(now core.Instant, e Rows, seen map[core.NodeID]member.Row) {
	wanted := func(core.NodeID) bool { return true }
	if of := int(e.Of); of > 0 {
		if of > maxParts {
			return
		}
		parts := make([]bool, of)
		for _, part := range e.Parts {
			parts[part%e.Of] = true
		}
		wanted = func(id core.NodeID) bool { return parts[member.Part(id, of)] }
	}
	var rows []*wire.Row
	m.table.Each(func(r member.Row) bool {
		if theirs, had := seen[r.ID]; wanted(r.ID) && (!had || r.Outranks(theirs)) {
			rows = append(rows, member.ToWire(now, r))
		}
		return true
	})
	if len(rows) > 0 {
		m.out = append(m.out, SendRows{To: e.Addr, Rows: rows})
	}
}
