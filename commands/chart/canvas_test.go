package chart

import (
	"bytes"
	"encoding/xml"
	"image/color"
	"io"
	"testing"
)

func newSheet(t *testing.T) *raster {
	t.Helper()
	l, err := newLetters()
	if err != nil {
		t.Fatal(err)
	}
	return newRaster(l, 100, 100)
}

// at is the colour of a place.
func (r *raster) at(p point) color.RGBA { return r.picture.RGBAAt(int(p.x*scale), int(p.y*scale)) }

func TestStrokesThatOverlapDoNotCutEachOtherOut(t *testing.T) {
	for _, back := range []point{{10, 50}, {20, 10}, {90, 70}, {50, 90}} {
		r := newSheet(t)
		r.line(hue(0), 6, point{10, 50}, point{50, 50}, back)
		for _, p := range []point{{30, 50}, {49, 50}, {50, 50}} {
			if got := r.at(p); got != hue(0) {
				t.Errorf("back to %v: %v at %v", back, got, p)
			}
		}
	}
}

func TestALevelLineIsSharp(t *testing.T) {
	r := newSheet(t)
	r.line(gray(0), 0.6, point{10, 33.3}, point{90, 33.3})
	dark := 0
	for y := range r.picture.Rect.Dy() {
		switch c := r.picture.RGBAAt(80, y); c {
		case gray(0):
			dark++
		case gray(255):
		default:
			t.Errorf("%v in line %d", c, y)
		}
	}
	if dark != 1 {
		t.Errorf("it is %d pixels wide", dark)
	}
}

func TestWordsStandWhereTheirAnchorSays(t *testing.T) {
	for _, turned := range []bool{false, true} {
		for a, want := range map[anchor][2]bool{start: {false, true}, middle: {true, true}, end: {true, false}} {
			r := newSheet(t)
			r.text("HHHHH", 10, a, turned, point{50, 50})
			var before, after bool // of the place, along the line
			for y := range r.picture.Rect.Dy() {
				for x := range r.picture.Rect.Dx() {
					along := float64(x)/scale - 50
					if turned {
						along = 50 - float64(y)/scale
					}
					if r.picture.RGBAAt(x, y) != gray(255) {
						before, after = before || along < -3, after || along > 3
					}
				}
			}
			if got := [2]bool{before, after}; got != want {
				t.Errorf("anchor %d, turned %v: before and behind its place: %v", a, turned, got)
			}
		}
	}
}

func TestAnSVGIsWellFormedWhateverTheWords(t *testing.T) {
	s := newSVG(100, 100)
	for i := range 6 {
		mark(s, i, point{10, 10})
	}
	s.text(`<script> & "quotes"`, 10, middle, true, point{1.23456, 2})
	var b bytes.Buffer
	if _, err := s.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte(`x="1.23"`)) {
		t.Errorf("lengths are not to the hundredth:\n%s", &b)
	}
	for d := xml.NewDecoder(&b); ; {
		switch _, err := d.Token(); err {
		case nil:
		case io.EOF:
			return
		default:
			t.Fatal(err)
		}
	}
}
