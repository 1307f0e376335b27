package render

import (
	"bytes"
	"io"
)

// Pairs prints a page of names and what they stand for, one a line.
func Pairs(w io.Writer, pairs [][2]string, color bool) error {
	widest := 0
	for _, p := range pairs {
		widest = max(widest, columns(Safe(p[0])))
	}
	var b bytes.Buffer
	for _, p := range pairs {
		name, value := Safe(p[0]), Safe(p[1])
		if color {
			value = paint(value)
		}
		b.WriteString(padded(name, name, widest+gap) + value + "\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}
