package render

import (
	"bytes"
	"io"
	"slices"

	"github.com/olekukonko/ll"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// Table is rows under a header. Cells may hold anything; they are made safe
// when written. An empty cell is shown as "-".
type Table struct {
	// Header names the columns.
	Header []string
	Rows   [][]string
	// Shrink lists the columns that may be cut to fit a terminal, Drop those
	// that may be left out, first the first.
	Shrink, Drop []int
	// Paint is the column whose words are coloured by what they mean, plus
	// one; zero is none.
	Paint int
	// Bare leaves the header out: the rows go on where another table ended.
	Bare bool
}

const (
	gap      = 2 // spaces between columns
	minWidth = 8 // a column is not cut below
)

// Write prints the table. A width of 0 cuts nothing; color paints.
func (t *Table) Write(w io.Writer, width int, color bool) error {
	rows := [][]string{t.Header}
	for _, row := range t.Rows {
		cells := make([]string, len(t.Header))
		for i := range cells {
			cells[i] = "-"
			if i < len(row) && row[i] != "" {
				cells[i] = Safe(row[i])
			}
		}
		rows = append(rows, cells)
	}
	paintAt := t.Paint - 1
	if width > 0 {
		rows, paintAt = t.fit(rows, width)
	}
	if color && paintAt >= 0 {
		for _, row := range rows[1:] {
			row[paintAt] = paint(row[paintAt])
		}
	}
	text, err := lay(rows)
	if err != nil {
		return err
	}
	if t.Bare {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	_, err = w.Write(text)
	return err
}

// Plain prints one record a line, tab-separated, no header; an empty cell is
// empty.
func (t *Table) Plain(w io.Writer) error {
	var b bytes.Buffer
	for _, row := range t.Rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(Safe(cell))
		}
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

// fit makes the lines as narrow as the terminal, if it can: it cuts the cells
// of the widest shrinkable column, again and again; where that does not suffice
// it leaves out columns, and cuts the rest less. It also says where the column
// to paint is now.
func (t *Table) fit(rows [][]string, width int) (fitted [][]string, paintAt int) {
	var left []int // the columns that stay
	for i := range t.Header {
		left = append(left, i)
	}
	widths, ok := t.widths(rows, left, width)
	for _, drop := range t.Drop {
		if ok {
			break
		}
		left = slices.DeleteFunc(left, func(i int) bool { return i == drop })
		widths, ok = t.widths(rows, left, width)
	}
	for _, row := range rows {
		var cells []string
		for j, i := range left {
			cell := row[i]
			if twwidth.Width(cell) > widths[j] {
				cell = twwidth.Truncate(cell, widths[j], "…")
			}
			cells = append(cells, cell)
		}
		fitted = append(fitted, cells)
	}
	return fitted, slices.Index(left, t.Paint-1)
}

// widths says how wide each of the columns may be, and whether they fit then.
func (t *Table) widths(rows [][]string, columns []int, width int) (widths []int, ok bool) {
	total := -gap
	for _, i := range columns {
		needed := widest(rows, i)
		widths = append(widths, needed)
		total += needed + gap
	}
	for total > width {
		most := -1
		for j, i := range columns {
			if slices.Contains(t.Shrink, i) && widths[j] > minWidth && (most < 0 || widths[j] > widths[most]) {
				most = j
			}
		}
		if most < 0 {
			return widths, false
		}
		widths[most]--
		total--
	}
	return widths, true
}

// lay lets tablewriter's renderer put the cells of a column below each other, and takes
// away what it leaves at the ends of lines. What a table of tablewriter does before, to
// wrap, merge and log, is of no use here, and takes longer than the node's answer.
func lay(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	r := renderer.NewBlueprint(tw.Rendition{
		Borders:  tw.BorderNone,
		Symbols:  tw.NewSymbols(tw.StyleNone),
		Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.SeparatorsNone},
	})
	r.Logger(ll.New("").Suspend()) // or it formats what it would log, and then does not
	if err := r.Start(&b); err != nil {
		return nil, err
	}
	widths := tw.NewMapper[int, int]()
	for i := range rows[0] {
		widths.Set(i, widest(rows, i)+gap)
	}
	for _, row := range rows {
		cells := map[int]tw.CellContext{}
		for i, cell := range row {
			cells[i] = tw.CellContext{Data: cell, Align: tw.AlignLeft}
		}
		r.Row(row, tw.Formatting{Row: tw.RowContext{Position: tw.Row, Current: cells, Widths: widths}})
	}
	if err := r.Close(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for line := range bytes.Lines(b.Bytes()) {
		out.Write(bytes.TrimRight(line, " \n"))
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// widest is how wide a column must be to hold all that stands in it.
func widest(rows [][]string, column int) (width int) {
	for _, row := range rows {
		width = max(width, twwidth.Width(row[column]))
	}
	return width
}
