package detect

import (
	"fmt"
	"math"

	"hb/core"
	"hb/core/member"
)

// Refute answers an accusation against this node itself, whose row is own: a
// Claim of Alive at an incarnation above the accusation's (SWIM §4.2). Only the
// subject ever raises its incarnation, so this overrides the accusation
// wherever it has come to. Not ok when there is nothing to refute.
func Refute(own member.Row, e member.Evidence) (answer Effect, ok bool) {
	if own.Status != core.Alive || e.Status == core.Alive || e.Instance != own.Instance || e.Incarnation < own.Incarnation {
		return nil, false
	}
	if e.Incarnation == math.MaxUint32 {
		return Note{Warn: true, Text: fmt.Sprintf(
			"%s says that this node is %s, at the highest incarnation there is; only a restart can refute that", e.Accuser, e.Status)}, true
	}
	own.Incarnation = e.Incarnation + 1
	return Claim{Evidence: member.Evidence{Row: own}}, true
}
