package swim

import (
	"fmt"
	"math"

	"hb/core"
	"hb/core/detect"
	"hb/core/member"
)

// refute answers an accusation against this node itself: alive, at an
// incarnation above the accusation's and above its own (SWIM §4.2). Only the
// subject ever raises its incarnation, so this overrides the suspicion
// wherever it has come to. Having been suspected is also a sign of being slow
// (Lifeguard §IV-A).
//
// The accusation comes here from core/membership, by a ping that carries it or
// by a bulletin; the claim made here leaves in a bulletin at once.
func (s *swim) refute(e member.Evidence) {
	own := s.table.Self()
	if own.Status != core.Alive || e.Status == core.Alive || e.Instance != own.Instance || e.Incarnation < own.Incarnation {
		return
	}
	s.slower(1)
	if e.Incarnation == math.MaxUint32 {
		s.out = append(s.out, detect.Note{Warn: true, Text: fmt.Sprintf(
			"%s says that this node is %s, at the highest incarnation there is; only a restart can refute that", e.Accuser, e.Status)})
		return
	}
	own.Incarnation = e.Incarnation + 1
	s.out = append(s.out, detect.Claim{Evidence: member.Evidence{Row: own}})
}
