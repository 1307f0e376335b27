package chart

import (
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
)

// letters are those of the Go font, which comes with the program. SVG's reader has
// others, a little narrower, but the sheet is laid out by these.
type letters struct {
	font  *opentype.Font
	faces map[float64]font.Face
}

func newLetters() (*letters, error) {
	f, err := opentype.Parse(goregular.TTF)
	return &letters{f, map[float64]font.Face{}}, err
}

// face has the letters of a size in units of the canvas.
func (l *letters) face(size float64) font.Face {
	if l.faces[size] == nil {
		f, err := opentype.NewFace(l.font, &opentype.FaceOptions{Size: size, DPI: 72})
		if err != nil {
			panic(err) // it makes none
		}
		l.faces[size] = f
	}
	return l.faces[size]
}

// width is that of a line.
func (l *letters) width(words string, size float64) float64 {
	return float64(font.MeasureString(l.face(size), words)) / 64
}
