package chart

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// Panel is one diagram.
type Panel struct {
	// Title, X and Y are words; those of the axes should name the unit.
	Title, X, Y string
	// LogX and LogY make an axis logarithmic. Values that it cannot show are
	// left out.
	LogX, LogY bool
	// FromZero lets the vertical axis begin at zero.
	FromZero bool
	// Shares says that the vertical axis goes from 0 to 1, where curves rise from
	// the left below to the right above.
	Shares bool
	// Marks are the values to label on the horizontal axis; nil lets it choose.
	Marks  []float64
	Series []Series
}

// Series is one curve or one row of points. NaN is left out.
type Series struct {
	// Name stands in the legend; an empty one does not.
	Name string
	// Colour numbers the colours; series that belong together share one.
	Colour int
	// Theory makes it a line behind everything that was measured.
	Theory bool
	X, Y   []float64
	// Low and High, if there are any, are the ends of each point's bar.
	Low, High []float64
}

// Draws says whether a file has a name that Write can draw into.
func Draws(file string) bool { return ext(file) == ".svg" || ext(file) == ".png" }

func ext(file string) string { return strings.ToLower(filepath.Ext(file)) }

const (
	centimeter  = 72 / 2.54
	panelWidth  = 15 * centimeter
	panelHeight = 10 * centimeter
	margin      = 0.4 * centimeter
)

// Write draws the panels, two in a row, into a file whose name says how.
func Write(file string, panels []Panel) error {
	l, err := newLetters()
	if err != nil {
		return err
	}
	columns := min(2, len(panels))
	rows := (len(panels) + columns - 1) / columns
	width, height := float64(columns)*panelWidth, float64(rows)*panelHeight
	var sheet interface {
		canvas
		io.WriterTo
	}
	if ext(file) == ".svg" {
		sheet = newSVG(width, height)
	} else {
		sheet = newRaster(l, width, height)
	}
	for i := range panels {
		left, top := float64(i%columns)*panelWidth, float64(i/columns)*panelHeight
		panels[i].draw(sheet, l, rect{left + margin, top + margin, left + panelWidth - margin, top + panelHeight - margin})
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err = sheet.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// Shows says whether anything measured can be seen on the panel.
func (p *Panel) Shows() bool {
	for i := range p.Series {
		if points, _, _ := p.shown(&p.Series[i]); len(points) > 0 && !p.Series[i].Theory {
			return true
		}
	}
	return false
}

// shown gives the points that the axes can show, and the ends of their bars.
func (p *Panel) shown(s *Series) (points []point, low, high []float64) {
	for i, x := range s.X {
		y := s.Y[i]
		if !finite(x) || !finite(y) || p.LogX && x <= 0 || p.LogY && y <= 0 {
			continue
		}
		points = append(points, point{x, y})
		if len(s.Low) > 0 {
			bottom := s.Low[i]
			if p.LogY {
				bottom = max(bottom, y/10)
			}
			low, high = append(low, bottom), append(high, s.High[i])
		}
	}
	return points, low, high
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
