package swim

import "hb/core/detect"

// New makes a SWIM detector; it is a detect.Factory.
func New(o detect.Options) detect.Detector { panic("later") }
