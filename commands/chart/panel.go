package chart

const (
	titleText   = 13
	labelText   = 11
	tickText    = 10
	titleHeight = 24
	tickLong    = 5
	tickShort   = 3
	tickGap     = 3 // between a tick and its label
	labelGap    = 8 // between the labels of ticks and that of the axis
	// halfHigh is half the height of a digit or capital, in sizes of the font.
	halfHigh = 0.36
)

// draw draws the panel, its legend within the axes while that is short, or else
// on their right.
func (p *Panel) draw(on canvas, l *letters, in rect) {
	on.text(p.Title, titleText, middle, false, point{(in.left + in.right) / 2, in.top + titleText})
	in.top += titleHeight
	x, y := p.axes()
	legend := p.legend()
	wide, high := legendSize(legend, l)
	if p.crowded() {
		in.right -= wide
		drawLegend(on, l, legend, in.right, in.top)
		in.right -= margin
	}
	f := newFrame(in, &x, &y, p, l)
	f.draw(on, p)
	for _, theory := range []bool{true, false} {
		for i := range p.Series {
			if s := &p.Series[i]; s.Theory == theory {
				f.series(on, p, s)
			}
		}
	}
	switch {
	case p.crowded():
	case p.Shares:
		drawLegend(on, l, legend, f.right-wide-8, f.bottom-high-6)
	default:
		drawLegend(on, l, legend, f.left+8, f.top+2)
	}
}

// frame is where the axes are on the sheet.
type frame struct {
	rect
	outer float64 // the left edge of what stands beside them
	x, y  *axis
}

// newFrame leaves room for the labels.
func newFrame(in rect, x, y *axis, p *Panel, l *letters) *frame {
	outer, widest := in.left, 0.
	for _, t := range y.ticks {
		widest = max(widest, l.width(t.label, tickText))
	}
	in.left += widest + tickLong + tickGap
	if p.Y != "" {
		in.left += labelText + labelGap
	}
	in.bottom -= tickLong + tickGap + tickText
	if p.X != "" {
		in.bottom -= labelText + labelGap
	}
	in.right -= tickText // half a label may stand out
	return &frame{in, outer, x, y}
}

func (f *frame) acrossAt(v float64) float64 { return f.left + f.x.share(v)*(f.right-f.left) }

func (f *frame) upAt(v float64) float64 { return f.bottom - f.y.share(v)*(f.bottom-f.top) }

// draw draws the grid, the axes, and what stands at them.
func (f *frame) draw(on canvas, p *Panel) {
	for _, t := range f.x.ticks {
		if x := f.acrossAt(t.value); t.label != "" {
			on.line(gray(225), 0.6, point{x, f.top}, point{x, f.bottom})
		}
	}
	for _, t := range f.y.ticks {
		if y := f.upAt(t.value); t.label != "" {
			on.line(gray(225), 0.6, point{f.left, y}, point{f.right, y})
		}
	}
	for _, t := range f.x.ticks {
		x := f.acrossAt(t.value)
		on.line(ink(), 0.6, point{x, f.bottom}, point{x, f.bottom + t.length()})
		on.text(t.label, tickText, middle, false, point{x, f.bottom + tickLong + tickGap + 2*halfHigh*tickText})
	}
	for _, t := range f.y.ticks {
		y := f.upAt(t.value)
		on.line(ink(), 0.6, point{f.left - t.length(), y}, point{f.left, y})
		on.text(t.label, tickText, end, false, point{f.left - tickLong - tickGap, y + halfHigh*tickText})
	}
	on.line(ink(), 0.6, point{f.left, f.top}, point{f.left, f.bottom})
	on.line(ink(), 0.6, point{f.left, f.bottom}, point{f.right, f.bottom})
	on.text(p.X, labelText, middle, false, point{(f.left + f.right) / 2, f.bottom + tickLong + tickGap + tickText + labelGap + 2*halfHigh*labelText})
	on.text(p.Y, labelText, middle, true, point{f.outer + labelText, (f.top + f.bottom) / 2})
}

func (t *tick) length() float64 {
	if t.label == "" {
		return tickShort
	}
	return tickLong
}

// series draws one series.
func (f *frame) series(on canvas, p *Panel, s *Series) {
	values, low, high := p.shown(s)
	places := make([]point, len(values))
	for i, v := range values {
		places[i] = point{f.acrossAt(v.x), f.upAt(v.y)}
	}
	if s.Theory {
		if len(places) > 1 {
			on.line(faded(s.Colour), theoryWidth, places...)
		}
		return
	}
	for i := range low {
		if !finite(low[i]) || !finite(high[i]) {
			continue
		}
		x, bottom, top := places[i].x, f.upAt(low[i]), f.upAt(high[i])
		on.line(hue(s.Colour), barWidth, point{x, bottom}, point{x, top})
		for _, y := range []float64{bottom, top} {
			on.line(hue(s.Colour), barWidth, point{x - capWidth/2, y}, point{x + capWidth/2, y})
		}
	}
	for _, at := range places {
		mark(on, s.Colour, at)
	}
}
