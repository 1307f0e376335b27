package render

import (
	"bytes"
	"encoding/json"
	"io"
)

// JSON writes one value on one line. Unlike encoding/json alone it leaves <, >
// and & as they are, and escapes the control characters beyond ASCII, which
// some terminals obey.
func JSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeC1(b.Bytes()))
	return err
}

// escapeC1 writes U+0080 to U+009F, in UTF-8 0xC2 and the byte itself, as \u
// escapes.
func escapeC1(b []byte) []byte {
	if !bytes.Contains(b, []byte{0xc2}) {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	for i := 0; i < len(b); i++ {
		if b[i] == 0xc2 && i+1 < len(b) && b[i+1] < 0xa0 {
			i++
			out = append(append(out, `\u00`...), hex(b[i])...)
			continue
		}
		out = append(out, b[i])
	}
	return out
}
