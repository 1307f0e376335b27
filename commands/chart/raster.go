package chart

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// raster is a canvas of pixels.
type raster struct {
	picture *image.RGBA
	letters *letters
}

// scale is how many pixels a point is: 110 to the inch.
const scale = 110. / 72

// newRaster begins a white sheet.
func newRaster(l *letters, width, height float64) *raster {
	picture := image.NewRGBA(image.Rect(0, 0, int(math.Ceil(width*scale)), int(math.Ceil(height*scale))))
	draw.Draw(picture, picture.Rect, image.White, image.Point{}, draw.Src)
	return &raster{picture, l}
}

// WriteTo implements io.WriterTo; it counts no bytes.
func (r *raster) WriteTo(w io.Writer) (int64, error) { return 0, png.Encode(w, r.picture) }

// circleSides is how many corners stand for a circle.
const circleSides = 32

func (r *raster) line(c color.RGBA, width float64, points ...point) {
	r.fill(c, stroked(sharp(scaled(points), width*scale)))
}

func (r *raster) area(c color.RGBA, points ...point) { r.fill(c, [][]point{scaled(points)}) }

func (r *raster) disc(c color.RGBA, radius float64, at point) { r.area(c, circle(at, radius)...) }

func (r *raster) ring(c color.RGBA, width, radius float64, at point) {
	edge := circle(at, radius)
	r.line(c, width, append(edge, edge[0])...)
}

// circle has its corners in the same order as stroked has those of its rectangles:
// where shapes overlap that are filled at once, opposite ones would cut each other
// out.
func circle(at point, radius float64) (corners []point) {
	for i := range circleSides {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / circleSides)
		corners = append(corners, point{at.x + radius*cos, at.y - radius*sin})
	}
	return corners
}

func scaled(points []point) []point {
	pixels := make([]point, len(points))
	for i, p := range points {
		pixels[i] = point{p.x * scale, p.y * scale}
	}
	return pixels
}

// sharp brings a single upright or level stroke to lie on whole pixels.
func sharp(points []point, width float64) ([]point, float64) {
	if len(points) != 2 || points[0].x != points[1].x && points[0].y != points[1].y {
		return points, width
	}
	width = max(1, math.Round(width))
	odd := math.Mod(width, 2) / 2
	snap := func(v float64) float64 { return math.Round(v-odd) + odd }
	for i, p := range points {
		if points[0].x == points[1].x {
			points[i].x = snap(p.x)
		} else {
			points[i].y = snap(p.y)
		}
	}
	return points, width
}

// stroked is the outline of strokes with round joints.
func stroked(points []point, width float64) (shapes [][]point) {
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		if length == 0 {
			continue
		}
		nx, ny := -(b.y-a.y)/length*width/2, (b.x-a.x)/length*width/2
		shapes = append(shapes, []point{{a.x + nx, a.y + ny}, {b.x + nx, b.y + ny}, {b.x - nx, b.y - ny}, {a.x - nx, a.y - ny}})
		if i > 1 {
			shapes = append(shapes, circle(a, width/2))
		}
	}
	return shapes
}

// fill paints shapes at once, in pixels.
func (r *raster) fill(c color.RGBA, shapes [][]point) {
	low, high := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, shape := range shapes {
		for _, p := range shape {
			low, high = point{min(low.x, p.x), min(low.y, p.y)}, point{max(high.x, p.x), max(high.y, p.y)}
		}
	}
	where := image.Rect(int(math.Floor(low.x)), int(math.Floor(low.y)), int(math.Ceil(high.x)), int(math.Ceil(high.y))).Intersect(r.picture.Rect)
	if len(shapes) == 0 || where.Empty() {
		return
	}
	brush := vector.NewRasterizer(where.Dx(), where.Dy())
	at := func(p point) (x, y float32) {
		return float32(p.x - float64(where.Min.X)), float32(p.y - float64(where.Min.Y))
	}
	for _, shape := range shapes {
		brush.MoveTo(at(shape[0]))
		for _, p := range shape[1:] {
			brush.LineTo(at(p))
		}
		brush.ClosePath()
	}
	brush.Draw(r.picture, where, image.NewUniform(c), image.Point{})
}

// text draws the letters flat on a mask of their own, which can be turned.
func (r *raster) text(words string, size float64, a anchor, turned bool, at point) {
	face := r.letters.face(size * scale)
	up, down := face.Metrics().Ascent.Ceil(), face.Metrics().Descent.Ceil()
	width := font.MeasureString(face, words).Ceil()
	mask := image.NewAlpha(image.Rect(0, 0, width+1, up+down))
	pen := font.Drawer{Dst: mask, Src: image.Opaque, Face: face, Dot: fixed.P(0, up)}
	pen.DrawString(words)
	back := [...]int{0, width / 2, width}[a] // of the place, along the line
	x, y := int(math.Round(at.x*scale)), int(math.Round(at.y*scale))
	where := mask.Rect.Add(image.Pt(x-back, y-up))
	if turned {
		mask = upwards(mask)
		where = mask.Rect.Add(image.Pt(x-up, y-mask.Rect.Dy()+back))
	}
	draw.DrawMask(r.picture, where, image.NewUniform(ink()), image.Point{}, mask, image.Point{}, draw.Over)
}

// upwards turns a mask by a quarter to the left.
func upwards(mask *image.Alpha) *image.Alpha {
	wide, high := mask.Rect.Dx(), mask.Rect.Dy()
	turned := image.NewAlpha(image.Rect(0, 0, high, wide))
	for y := range high {
		for x := range wide {
			turned.SetAlpha(y, wide-1-x, mask.AlphaAt(x, y))
		}
	}
	return turned
}
