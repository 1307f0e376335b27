package render

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
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
		widest := 0
		for _, row := range rows {
			widest = max(widest, twwidth.Width(row[i]))
		}
		widths = append(widths, widest)
		total += widest + gap
	}
	for total > width {
		widest := -1
		for j, i := range columns {
			if slices.Contains(t.Shrink, i) && widths[j] > minWidth && (widest < 0 || widths[j] > widths[widest]) {
				widest = j
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
		total--
	}
	return widths, true
}

// lay lets tablewriter align the cells, and takes away what it leaves at the
// ends of lines.
func lay(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	section := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: strings.Repeat(" ", gap), Overwrite: true}},
	}
	table := tablewriter.NewTable(&b,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Symbols:  tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.SeparatorsNone},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: section, Row: section}),
		tablewriter.WithTrimSpace(tw.Off),
	)
	table.Header(rows[0])
	if err := table.Bulk(rows[1:]); err != nil {
		return nil, err
	}
	if err := table.Render(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for line := range bytes.Lines(b.Bytes()) {
		out.Write(bytes.TrimRight(line, " \n"))
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}
