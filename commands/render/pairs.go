package render

import (
	"bytes"
	"fmt"
	"io"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// Pairs prints a page of names and what they stand for, one a line.
func Pairs(w io.Writer, pairs [][2]string, color bool) error {
	widest := 0
	for _, p := range pairs {
		widest = max(widest, twwidth.Width(Safe(p[0])))
	}
	var b bytes.Buffer
	for _, p := range pairs {
		name, value := Safe(p[0]), Safe(p[1])
		if color {
			value = paint(value)
		}
		fmt.Fprintf(&b, "%s%*s%s\n", name, widest-twwidth.Width(name)+gap, "", value)
	}
	_, err := w.Write(b.Bytes())
	return err
}
