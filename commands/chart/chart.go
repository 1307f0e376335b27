package chart

import (
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
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
	panelWidth  = 15 * vg.Centimeter
	panelHeight = 10 * vg.Centimeter
	margin      = 0.4 * vg.Centimeter
	dpi         = 110
)

// Write draws the panels, two in a row, into a file whose name says how.
func Write(file string, panels []Panel) error {
	columns := min(2, len(panels))
	rows := (len(panels) + columns - 1) / columns
	width, height := vg.Length(columns)*panelWidth, vg.Length(rows)*panelHeight
	var canvas interface {
		vg.CanvasSizer
		io.WriterTo
	}
	if ext(file) == ".svg" {
		canvas = vgsvg.New(width, height)
	} else {
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))}
	}
	sheet := draw.New(canvas)
	sheet.SetColor(color.White)
	sheet.Fill(sheet.Rectangle.Path())
	tiles := draw.Tiles{
		Rows: rows, Cols: columns, PadX: 2 * margin, PadY: 2 * margin,
		PadTop: margin, PadBottom: margin, PadLeft: margin, PadRight: margin,
	}
	for i := range panels {
		if err := panels[i].draw(tiles.At(sheet, i%columns, i/columns)); err != nil {
			return err
		}
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err = canvas.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// draw draws the panel, its legend within the axes while that is short, or else
// on their right.
func (p *Panel) draw(canvas draw.Canvas) error {
	d, err := p.plot()
	if err != nil {
		return err
	}
	if p.crowded() {
		legend := d.Legend
		d.Legend = plot.NewLegend()
		legend.Top, legend.Left, legend.XOffs, legend.YOffs = true, true, 0, -titleHeight
		width := legend.Rectangle(canvas).Size().X + margin
		legend.Draw(draw.Crop(canvas, canvas.Size().X-width, 0, 0, 0))
		canvas = draw.Crop(canvas, 0, -width-margin, 0, 0)
	}
	d.Draw(canvas)
	return nil
}

// titleHeight is what a title takes.
const titleHeight = vg.Centimeter

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

func (p *Panel) plot() (*plot.Plot, error) {
	d := plot.New()
	d.Title.Text, d.X.Label.Text, d.Y.Label.Text = p.Title, p.X, p.Y
	d.Title.TextStyle.Font.Size = 13
	d.Title.Padding = 6
	for _, axis := range []*plot.Axis{&d.X, &d.Y} {
		axis.Label.TextStyle.Font.Size = font.Length(11)
		axis.Tick.Label.Font.Size = 10
		axis.Label.Padding = 3
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{225}, color.Gray{225}
	d.Add(grid)
	for _, measured := range []bool{false, true} {
		for i := range p.Series {
			if s := &p.Series[i]; s.Theory != measured {
				if err := p.add(d, s); err != nil {
					return nil, err
				}
			}
		}
	}
	d.Legend.Top, d.Legend.Left = true, true
	d.Legend.TextStyle.Font.Size = 10
	d.Legend.XOffs, d.Legend.YOffs = 6, -4
	d.Legend.Padding = 2
	p.scale(d)
	return d, nil
}

// add draws one series.
func (p *Panel) add(d *plot.Plot, s *Series) error {
	points, low, high := p.shown(s)
	if len(points) == 0 {
		return nil
	}
	var thumbnail plot.Thumbnailer
	if s.Theory {
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = faded(s.Colour), vg.Points(2.2)
		d.Add(line)
		thumbnail = line
	} else {
		if len(low) > 0 {
			bars, err := plotter.NewYErrorBars(barred{points, low, high})
			if err != nil {
				return err
			}
			bars.Color, bars.Width, bars.CapWidth = hue(s.Colour), vg.Points(1), vg.Points(5)
			d.Add(bars)
		}
		scatter, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		scatter.Color, scatter.Radius, scatter.Shape = hue(s.Colour), vg.Points(3.2), shape(s.Colour)
		d.Add(scatter)
		thumbnail = scatter
	}
	switch {
	case s.Name == "":
	case !s.Theory || !p.severalTheories():
		d.Legend.Add(s.Name, thumbnail)
	case s == p.firstTheory(): // for all of them
		line := *thumbnail.(*plotter.Line)
		line.Color = color.Gray{190}
		d.Legend.Add("theory", &line)
	}
	return nil
}

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

// Shows says whether anything measured can be seen on the panel.
func (p *Panel) Shows() bool {
	for i := range p.Series {
		if points, _, _ := p.shown(&p.Series[i]); len(points) > 0 && !p.Series[i].Theory {
			return true
		}
	}
	return false
}

// shown gives the points that the axes can show, and their bars' lengths.
func (p *Panel) shown(s *Series) (points plotter.XYs, low, high []float64) {
	for i, x := range s.X {
		y := s.Y[i]
		if !finite(x) || !finite(y) || p.LogX && x <= 0 || p.LogY && y <= 0 {
			continue
		}
		points = append(points, plotter.XY{X: x, Y: y})
		if len(s.Low) > 0 {
			bottom := s.Low[i]
			if p.LogY {
				bottom = max(bottom, y/10)
			}
			low, high = append(low, y-bottom), append(high, s.High[i]-y)
		}
	}
	return points, low, high
}

// scale fits the axes to what is shown, with room above for the legend.
func (p *Panel) scale(d *plot.Plot) {
	if d.X.Min > d.X.Max || d.Y.Min > d.Y.Max { // nothing is shown
		d.X.Min, d.X.Max, d.Y.Min, d.Y.Max = 1, 10, 1, 10
	}
	named := p.entries()
	if p.crowded() {
		named = 0
	}
	room := 0.08 + 0.065*float64(named)
	d.X.Min, d.X.Max = spread(d.X.Min, d.X.Max, p.LogX, 0.04, 0.04)
	if p.Shares {
		d.Y.Min, d.Y.Max = 0, 1.04
		d.Legend.Top, d.Legend.Left = false, false
		d.Legend.XOffs, d.Legend.YOffs = -6, 6
		d.X.Max += 0.06 * float64(named) * (d.X.Max - d.X.Min)
	} else if p.FromZero && !p.LogY {
		d.Y.Min = 0
		d.Y.Max += max(d.Y.Max, 1e-9) * room / (1 - room)
	} else {
		d.Y.Min, d.Y.Max = spread(d.Y.Min, d.Y.Max, p.LogY, 0.06, room/(1-room))
	}
	d.X.Tick.Marker, d.Y.Tick.Marker = roundTicks{}, roundTicks{}
	if p.LogX {
		d.X.Scale, d.X.Tick.Marker = plot.LogScale{}, logTicks{}
	}
	if p.LogY {
		d.Y.Scale, d.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	}
	if p.Marks != nil {
		d.X.Tick.Marker = valueTicks{p.Marks, p.LogX}
	}
}

// spread widens a range by shares of its length.
func spread(low, high float64, log bool, below, above float64) (float64, float64) {
	if log {
		low, high = math.Log10(low), math.Log10(high)
		if high-low < 0.3 {
			low, high = low-0.3, high+0.3
		}
		length := high - low
		return math.Pow(10, low-below*length), math.Pow(10, high+above*length)
	}
	length := high - low
	if length == 0 {
		length = max(math.Abs(high), 1)
	}
	return low - below*length, high + above*length
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// barred is points with bars.
type barred struct {
	plotter.XYs
	low, high []float64
}

// YError implements plotter.YErrorer.
func (b barred) YError(i int) (float64, float64) { return -b.low[i], b.high[i] }

// hue is one of the colours of Okabe and Ito, without black and yellow.
func hue(i int) color.Color {
	colours := []color.RGBA{
		{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255},
		{204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255},
	}
	return colours[i%len(colours)]
}

// faded is the same colour, paler, for what lies behind.
func faded(i int) color.Color {
	c := hue(i).(color.RGBA)
	pale := func(v uint8) uint8 { return uint8((int(v) + 2*255) / 3) }
	return color.RGBA{pale(c.R), pale(c.G), pale(c.B), 255}
}

func shape(i int) draw.GlyphDrawer {
	shapes := []draw.GlyphDrawer{
		draw.CircleGlyph{}, draw.PyramidGlyph{}, draw.BoxGlyph{}, draw.RingGlyph{}, draw.PlusGlyph{}, draw.CrossGlyph{},
	}
	return shapes[i%len(shapes)]
}
