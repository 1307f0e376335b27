package member

import (
	"net/netip"

	"hb/core"
	"hb/core/wire"
)

// Row is what this node believes of one member. Rows are values; Tags are
// shared and must not be written to.
type Row struct {
	ID      core.NodeID
	Name    string
	Addr    netip.AddrPort
	Version string
	// Features is the feature level of its program.
	Features core.Features
	Tags     map[string]string
	Raft     core.RaftID

	Instance    core.Instance
	Incarnation core.Incarnation
	Status      core.Status // Alive, Suspect, Dead or Left

	// Accuser and Why say who first brought a suspicion or death, and on what
	// grounds. Zero for other rows.
	Accuser core.NodeID
	Why     wire.Reason
	// Since is when Status became what it is, on this node's clock.
	Since core.Instant
}

// Living says that the member is alive or merely suspected.
func (r Row) Living() bool { return r.Status == core.Alive || r.Status == core.Suspect }

// Outranks says that evidence r overrides s.
func (r Row) Outranks(s Row) bool {
	switch {
	case r.Instance != s.Instance:
		return r.Instance > s.Instance
	case r.Incarnation != s.Incarnation:
		return r.Incarnation > s.Incarnation
	}
	return r.Status > s.Status
}

// SameRank says that neither row overrides the other.
func (r Row) SameRank(s Row) bool {
	return r.Instance == s.Instance && r.Incarnation == s.Incarnation && r.Status == s.Status
}

// Evidence is a row somebody claims. Bare says that it came without labels.
// A zero Since means "now".
type Evidence struct {
	Row
	Bare bool
}

// Change is what merging did to a row; Before.ID is zero for a new member.
type Change struct{ Before, After Row }
