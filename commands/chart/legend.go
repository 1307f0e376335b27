package chart

import (
	"image/color"
	"slices"
)

// entries counts the lines of the legend.
func (p *Panel) entries() (n int) {
	theories := 0
	for _, s := range p.Series {
		switch {
		case s.Name == "":
		case s.Theory:
			theories = 1
		default:
			n++
		}
	}
	return n + theories
}

// crowded says that the legend would take too much of the panel.
func (p *Panel) crowded() bool { return p.entries() > 3 }

// firstTheory is the first named line of theory that shows.
func (p *Panel) firstTheory() *Series {
	for i := range p.Series {
		if s := &p.Series[i]; s.Theory && s.Name != "" {
			if points, _, _ := p.shown(s); len(points) > 0 {
				return s
			}
		}
	}
	return nil
}

// severalTheories says that one line of the legend must do for them all.
func (p *Panel) severalTheories() bool {
	first := p.firstTheory()
	return slices.ContainsFunc(p.Series, func(s Series) bool { return s.Theory && s.Name != "" && s.Name != first.Name })
}

// entry is a line of the legend: a name, and how its sample is drawn.
type entry struct {
	name   string
	sample func(on canvas, left, right, y float64)
}

// legend lists what is shown and named, theory first.
func (p *Panel) legend() (all []entry) {
	for _, theory := range []bool{true, false} {
		for i := range p.Series {
			s := &p.Series[i]
			if points, _, _ := p.shown(s); s.Theory != theory || s.Name == "" || len(points) == 0 {
				continue
			}
			switch {
			case !s.Theory:
				all = append(all, entry{s.Name, func(on canvas, left, right, y float64) {
					mark(on, s.Colour, point{(left + right) / 2, y})
				}})
			case !p.severalTheories():
				all = append(all, theoryEntry(s.Name, faded(s.Colour)))
			case s == p.firstTheory(): // for all of them
				all = append(all, theoryEntry("theory", gray(190)))
			}
		}
	}
	return all
}

func theoryEntry(name string, c color.RGBA) entry {
	return entry{name, func(on canvas, left, right, y float64) {
		on.line(c, theoryWidth, point{left, y}, point{right, y})
	}}
}

const (
	legendText = 10
	legendLine = 15 // from one entry to the next
	sampleWide = 22
	sampleGap  = 6
)

// legendSize is what the legend takes.
func legendSize(all []entry, l *letters) (width, height float64) {
	for _, e := range all {
		width = max(width, l.width(e.name, legendText))
	}
	return sampleWide + sampleGap + width, legendLine * float64(len(all))
}

// drawLegend draws it from its upper left corner, over the lines of the grid.
func drawLegend(on canvas, l *letters, all []entry, left, top float64) {
	wide, high := legendSize(all, l)
	on.area(gray(255), point{left, top}, point{left + wide, top}, point{left + wide, top + high}, point{left, top + high})
	for i, e := range all {
		y := top + legendLine*(float64(i)+0.5)
		e.sample(on, left, left+sampleWide, y)
		on.text(e.name, legendText, start, false, point{left + sampleWide + sampleGap, y + halfHigh*legendText})
	}
}
