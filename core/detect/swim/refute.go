package swim

import (
	"hb/core/detect"
	"hb/core/member"
)

// refute answers an accusation against this node itself: alive, at an
// incarnation above the accusation's (SWIM §4.2). Having been suspected is also
// a sign of being slow (Lifeguard §IV-A).
//
// The accusation comes here from core/membership, by a ping that carries it or
// by a bulletin; the claim made here leaves in a bulletin at once.
func (s *swim) refute(e member.Evidence) {
	if answer, ok := detect.Refute(s.table.Self(), e); ok {
		s.slower(1)
		s.out = append(s.out, answer)
	}
}
