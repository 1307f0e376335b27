package render

import (
	"bytes"
	"io"
	"slices"
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
	if !color {
		paintAt = -1
	}
	text := lay(rows, paintAt)
	if t.Bare {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	_, err := w.Write(text)
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
			if columns(cell) > widths[j] {
				cell = cut(cell, widths[j])
			}
			cells = append(cells, cell)
		}
		fitted = append(fitted, cells)
	}
	return fitted, slices.Index(left, t.Paint-1)
}

// widths says how wide each of the columns may be, and whether they fit then.
func (t *Table) widths(rows [][]string, left []int, width int) (widths []int, ok bool) {
	total := -gap
	for _, i := range left {
		needed := widest(rows, i)
		widths = append(widths, needed)
		total += needed + gap
	}
	for total > width {
		most := -1
		for j, i := range left {
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

// widest is how wide a column must be to hold all that stands in it.
func widest(rows [][]string, column int) (width int) {
	for _, row := range rows {
		width = max(width, columns(row[column]))
	}
	return width
}

// lay writes the rows, the cells of a column below each other. It paints one column
// below the header, or none below 0, and leaves no spaces at the ends of lines.
func lay(rows [][]string, paintAt int) []byte {
	var widths []int
	for i := range rows[0] {
		widths = append(widths, widest(rows, i)+gap)
	}
	var out bytes.Buffer
	for r, row := range rows {
		var line []byte
		for i, cell := range row {
			shown := cell
			if r > 0 && i == paintAt {
				shown = paint(cell)
			}
			line = append(line, padded(shown, cell, widths[i])...)
		}
		out.Write(bytes.TrimRight(line, " "))
		out.WriteByte('\n')
	}
	return out.Bytes()
}
