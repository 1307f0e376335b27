package render

import (
	"bytes"
	"io"
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
	// Shrink lists the columns that may be cut to fit a terminal.
	Shrink []int
	// Paint is the column whose words are coloured by what they mean, plus
	// one; zero is none.
	Paint int
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
	if width > 0 {
		t.fit(rows, width)
	}
	if color && t.Paint > 0 {
		for _, row := range rows[1:] {
			row[t.Paint-1] = paint(row[t.Paint-1])
		}
	}
	text, err := lay(rows)
	if err != nil {
		return err
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

// fit cuts the cells of the widest shrinkable column, again and again, until
// the lines fit or nothing may be cut any more.
func (t *Table) fit(rows [][]string, width int) {
	widths := make([]int, len(t.Header))
	total := -gap
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], twwidth.Width(row[i]))
		}
		total += widths[i] + gap
	}
	for total > width {
		widest := -1
		for _, i := range t.Shrink {
			if widths[i] > minWidth && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	for _, row := range rows {
		for i := range row {
			if twwidth.Width(row[i]) > widths[i] {
				row[i] = twwidth.Truncate(row[i], widths[i], "…")
			}
		}
	}
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
