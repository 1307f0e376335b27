package swim

import (
	"time"

	"hb/core/detect"
)

// health is Lifeguard's local health multiplier: 0 when this node has no
// reason to doubt itself, up to 8. A successful probe lowers it; a failed
// probe, each nack that a helper owed and did not send, and an accusation that
// had to be refuted raise it. It stretches the period and the timeouts within
// it, so that a member which is itself slow judges others slowly.
type health int

const maxHealth = 8

// faster and slower are how the events reach it.
func (s *swim) faster() { s.health.better() }

func (s *swim) slower(by int) {
	if !s.without.Has(detect.LocalHealth) {
		s.health.worse(by)
	}
}

func (h *health) better() { *h = max(*h-1, 0) }

func (h *health) worse(by int) { *h = min(*h+health(by), maxHealth) }

func (h health) scale(d time.Duration) time.Duration { return d * time.Duration(h+1) }
