package membership

import (
	"fmt"
	"net/netip"

	"hb/core"
	"hb/core/member"
)

// notes remembers what has been said once.
type notes struct {
	said     map[string]bool
	isolated bool
	// named says that there are new names; they are looked at from names on.
	named bool
	names core.Instant
}

// maxNotes bounds what strangers can make this node remember and say.
const maxNotes = 256

func (m *Machine) note(warn bool, format string, args ...any) {
	m.out = append(m.out, Note{Warn: warn, Text: fmt.Sprintf(format, args...)})
}

// once says something once for each subject.
func (m *Machine) once(subject string, warn bool, format string, args ...any) {
	if m.notes.said[subject] || len(m.notes.said) >= maxNotes {
		return
	}
	m.notes.said[subject] = true
	m.note(warn, format, args...)
}

// double says that another process uses this node's identity.
func (m *Machine) double(at netip.AddrPort) {
	m.once("double at "+at.String(), true, "another process at %s uses this node's identity %s: "+
		"was the data directory copied? stop one of the two", at, m.self)
}

// watchDouble says that two processes use a member's identity: within one
// incarnation its address and name cannot differ. The row stays as it is.
func (m *Machine) watchDouble(row member.Row, e member.Evidence) {
	if e.Bare || e.Instance != row.Instance || e.Incarnation != row.Incarnation || e.Addr == row.Addr && e.Name == row.Name {
		return
	}
	m.once("double of "+row.ID.String(), true, "two processes use the identity %s: %s at %s and %s at %s; "+
		"was a data directory copied?", row.ID, row.Name, row.Addr, e.Name, e.Addr)
}

// watchName notes that a member is new or has another name; lookAtNames compares.
func (m *Machine) watchName(c member.Change) {
	if c.After.Living() && (c.Before.ID == 0 || c.Before.Name != c.After.Name) {
		m.notes.named = true
	}
}

// lookAtNames says that two living members have one name. Both stay: the ID
// tells them apart, and who may keep the name is not decided here. It looks at
// most once a period, so that a thousand who come at once are compared once.
func (m *Machine) lookAtNames(now core.Instant) {
	if !m.notes.named || now < m.notes.names {
		return
	}
	m.notes.named, m.notes.names = false, now.Add(m.period)
	holders := make(map[string]core.NodeID, m.table.Living())
	m.table.Each(func(r member.Row) bool {
		other, taken := holders[r.Name]
		switch {
		case !r.Living():
		case !taken:
			holders[r.Name] = r.ID
		default:
			first, _ := m.table.Get(other)
			m.once("name "+r.Name, true, "two members are called %s: %s at %s and %s at %s",
				r.Name, first.ID, first.Addr, r.ID, r.Addr)
		}
		return true
	})
}

// watchIsolation says when this node begins and ceases to hear nobody.
func (m *Machine) watchIsolation() {
	if now := m.Isolated(); now != m.notes.isolated {
		m.notes.isolated = now
		if now {
			m.note(true, "no member has been heard for two periods: this node is isolated, and judges nobody until it hears someone")
		} else {
			m.note(false, "members are heard again")
		}
	}
}
