package lab

import (
	"slices"

	"hb/core"
	"hb/core/detect"
)

// witness stands between a detector and its machine, to see what it claims,
// and to keep back what the experiment does not want merged.
type witness struct {
	detect.Detector
	lab *Lab
	at  int
}

// Step implements detect.Detector.
func (w *witness) Step(now core.Instant, ev detect.Event) []detect.Effect {
	out := w.Detector.Step(now, ev)
	if w.lab.OnClaim == nil {
		return out
	}
	return slices.DeleteFunc(out, func(e detect.Effect) bool {
		c, is := e.(detect.Claim)
		return is && c.Status != core.Alive && !w.lab.OnClaim(w.at, &c.Evidence)
	})
}
