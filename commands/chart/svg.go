package chart

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"io"
	"math"
	"strconv"
)

// svg is a canvas that is an SVG file.
type svg struct{ body bytes.Buffer }

// newSVG begins a white sheet. Sans serif is near enough to the letters that the
// sheet was laid out with.
func newSVG(width, height float64) *svg {
	s := &svg{}
	s.add(`<svg xmlns="http://www.w3.org/2000/svg" width="%spt" height="%spt" viewBox="0 0 %[1]s %[2]s" font-family="Go, Arial, Helvetica, sans-serif">`,
		hundredths(width), hundredths(height))
	s.add(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	return s
}

func (s *svg) add(format string, args ...any) { fmt.Fprintf(&s.body, format+"\n", args...) }

func (s *svg) line(c color.RGBA, width float64, points ...point) {
	s.add(`<polyline points="%s" fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round"/>`, list(points), web(c), hundredths(width))
}

func (s *svg) area(c color.RGBA, points ...point) {
	s.add(`<polygon points="%s" fill="%s"/>`, list(points), web(c))
}

func (s *svg) disc(c color.RGBA, radius float64, at point) {
	s.add(`<circle cx="%s" cy="%s" r="%s" fill="%s"/>`, hundredths(at.x), hundredths(at.y), hundredths(radius), web(c))
}

func (s *svg) ring(c color.RGBA, width, radius float64, at point) {
	s.add(`<circle cx="%s" cy="%s" r="%s" fill="none" stroke="%s" stroke-width="%s"/>`,
		hundredths(at.x), hundredths(at.y), hundredths(radius), web(c), hundredths(width))
}

func (s *svg) text(words string, size float64, a anchor, turned bool, at point) {
	if words == "" {
		return
	}
	turn := ""
	if turned {
		turn = fmt.Sprintf(` transform="rotate(-90 %s %s)"`, hundredths(at.x), hundredths(at.y))
	}
	s.add(`<text x="%s" y="%s" font-size="%s" text-anchor="%s"%s>%s</text>`, hundredths(at.x), hundredths(at.y), hundredths(size),
		[...]string{"start", "middle", "end"}[a], turn, html.EscapeString(words))
}

// WriteTo implements io.WriterTo.
func (s *svg) WriteTo(w io.Writer) (int64, error) {
	s.add("</svg>")
	return s.body.WriteTo(w)
}

func web(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func list(points []point) string {
	var b []byte
	for i, p := range points {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(append(append(b, hundredths(p.x)...), ','), hundredths(p.y)...)
	}
	return string(b)
}

// hundredths is a length, to the hundredth of a point.
func hundredths(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }
