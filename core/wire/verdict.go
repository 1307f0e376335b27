package wire

import "hb/core"

// VerdictOf is a fault, to be sent.
func VerdictOf(f *core.Fault) *Verdict {
	return &Verdict{Code: uint32(f.Code), Message: f.Message, Hint: f.Hint}
}

// Fault is what a verdict says no with; nil for yes.
func (x *Verdict) Fault() *core.Fault {
	if x.GetCode() == 0 {
		return nil
	}
	return &core.Fault{Code: core.Code(x.Code), Message: x.Message, Hint: x.Hint}
}
