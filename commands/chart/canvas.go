package chart

import (
	"image/color"
	"math"
)

// canvas is what a sheet is drawn on. Lengths are points, 72 to the inch, from the
// upper left.
type canvas interface {
	// line joins points by strokes.
	line(c color.RGBA, width float64, points ...point)
	// area fills the inside of a polygon.
	area(c color.RGBA, points ...point)
	// disc fills a circle, ring only draws its edge.
	disc(c color.RGBA, radius float64, at point)
	ring(c color.RGBA, width, radius float64, at point)
	// text writes one line. Its place is the start, middle or end of what the
	// letters stand on, as its anchor says; a turned one runs upwards.
	text(words string, size float64, anchor anchor, turned bool, at point)
}

type point struct{ x, y float64 }

// rect is a part of the sheet.
type rect struct{ left, top, right, bottom float64 }

// anchor says which part of a text is at its place.
type anchor int

const (
	start anchor = iota
	middle
	end
)

// hue is one of the colours of Okabe and Ito, without black and yellow.
func hue(i int) color.RGBA {
	colours := [...]color.RGBA{
		{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255},
		{204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255},
	}
	return colours[i%len(colours)]
}

// faded is the same colour, paler, for what lies behind.
func faded(i int) color.RGBA {
	c := hue(i)
	pale := func(v uint8) uint8 { return uint8((int(v) + 2*255) / 3) }
	return color.RGBA{pale(c.R), pale(c.G), pale(c.B), 255}
}

// ink is what words and axes are drawn in.
func ink() color.RGBA { return gray(40) }

func gray(v uint8) color.RGBA { return color.RGBA{v, v, v, 255} }

const (
	markRadius  = 3.2
	markStroke  = 1.2
	theoryWidth = 2.2
	barWidth    = 1
	capWidth    = 5
)

// mark draws what stands for a measured value. There are as many shapes as
// colours.
func mark(on canvas, i int, at point) {
	c, r := hue(i), markRadius
	diagonal := r * math.Sqrt2 / 2
	corner := func(x, y float64) point { return point{at.x + x, at.y + y} }
	switch i % 6 {
	case 0:
		on.disc(c, r, at)
	case 1: // a triangle
		on.area(c, corner(0, -1.2*r), corner(1.04*r, 0.6*r), corner(-1.04*r, 0.6*r))
	case 2: // a square
		on.area(c, corner(-0.9*r, -0.9*r), corner(0.9*r, -0.9*r), corner(0.9*r, 0.9*r), corner(-0.9*r, 0.9*r))
	case 3:
		on.ring(c, markStroke, r, at)
	case 4: // a plus
		on.line(c, markStroke, corner(-r, 0), corner(r, 0))
		on.line(c, markStroke, corner(0, -r), corner(0, r))
	case 5: // a cross
		on.line(c, markStroke, corner(-diagonal, -diagonal), corner(diagonal, diagonal))
		on.line(c, markStroke, corner(-diagonal, diagonal), corner(diagonal, -diagonal))
	}
}
