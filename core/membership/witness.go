package membership

import (
	"slices"

	"hb/core"
	"hb/core/member"
	"hb/core/wire"
)

// testimony is who found out for themselves that a member does not answer, the
// first one first. It outlives the suspicion: when the member is dead, one may
// still ask on whose word.
type testimony struct {
	instance    core.Instance
	incarnation core.Incarnation
	by          []core.NodeID
}

// maxWitnesses bounds a testimony: as many accusers travel (core/spread).
const maxWitnesses = 4

// testify keeps count of the accusers of members that are not alive. Only
// "suspect" is a witness's word: "dead" is also said by those who counted
// others' words, and hearsay by those who read it in a table.
func (m *Machine) testify(e member.Evidence) {
	if len(m.testimonies) == 0 && e.Status != core.Suspect {
		return
	}
	row, known := m.table.Get(e.ID)
	if !known || row.Status != core.Suspect && row.Status != core.Dead {
		delete(m.testimonies, e.ID)
		return
	}
	if e.Status != core.Suspect || e.Accuser == 0 || e.Why == wire.ReasonHearsay ||
		e.Instance != row.Instance || e.Incarnation != row.Incarnation {
		return
	}
	t := m.testimonies[e.ID]
	if t.instance != row.Instance || t.incarnation != row.Incarnation {
		t = testimony{instance: row.Instance, incarnation: row.Incarnation}
	}
	if len(t.by) < maxWitnesses && !slices.Contains(t.by, e.Accuser) {
		t.by = append(slices.Clone(t.by), e.Accuser)
		m.testimonies[e.ID] = t
	}
}

// Witnesses lists the members that found out for themselves that a member does
// not answer, as far as this node has heard of them; at most four.
func (m *Machine) Witnesses(id core.NodeID) []core.NodeID {
	t := m.testimonies[id]
	row, known := m.table.Get(id)
	if !known || t.instance != row.Instance || t.incarnation != row.Incarnation || row.Status != core.Suspect && row.Status != core.Dead {
		return nil
	}
	return t.by
}
