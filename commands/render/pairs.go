package render

import (
	"bytes"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// Pairs prints a page of names and what they stand for, one a line. What is wider than
// the terminal is broken between words; a width of 0 breaks nothing.
func Pairs(w io.Writer, pairs [][2]string, width int, color bool) error {
	widest := 0
	for _, p := range pairs {
		widest = max(widest, twwidth.Width(Safe(p[0])))
	}
	var b bytes.Buffer
	for _, p := range pairs {
		name, lines := Safe(p[0]), broken(Safe(p[1]), width, widest+gap)
		for i, line := range lines {
			if color && len(lines) == 1 {
				line = paint(line)
			}
			lead := name + strings.Repeat(" ", widest-twwidth.Width(name)+gap)
			if i > 0 {
				lead = strings.Repeat(" ", hang(width, widest+gap))
			}
			b.WriteString(strings.TrimRight(lead+line, " ") + "\n")
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
