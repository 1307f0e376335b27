package control

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"hb/core"
)

const (
	// maxBody bounds a body in JSON. A task's spec has 16 KiB, which escapes make
	// six times as long. A little less than a power of two, it lets the decoder's
	// memory, which doubles, be enough for it.
	maxBody = 256<<10 - 1<<10
	// maxValues bounds the values in it: a word that says nothing takes three
	// bytes here, sixteen in a list, and two of a spec's 16 KiB.
	maxValues = 8 << 10
)

// decode reads a JSON body. A field that this version does not know is
// refused: it may mean that the task must not run as this version would.
//
// It allocates up to seven times maxBody: twice that for the bytes, because the
// decoder's memory doubles, as much for text with escapes, and the rest for lists of
// short words, which double, too. Four times is not to be had with this decoder.
func decode(r *http.Request, into any) error {
	if r.ContentLength > maxBody {
		return tooLong(maxBody)
	}
	d := json.NewDecoder(&counted{from: r.Body, bytes: maxBody, values: maxValues})
	d.DisallowUnknownFields()
	switch err := d.Decode(into); {
	case err == io.EOF: // nothing is {}
		return nil
	case err != nil:
		return notUnderstood(err)
	case d.More():
		return core.Faultf(core.CodeUsage, "the request has something behind its end")
	}
	return nil
}

// notUnderstood words an error of the decoder's, or of what it read from.
func notUnderstood(err error) error {
	var fault *core.Fault
	if errors.As(err, &fault) {
		return fault
	}
	return core.Faultf(core.CodeUsage, "the request is not what this version understands: %v", err)
}

func tooLong(most int) error {
	return core.Faultf(core.CodeBadInput, "the request is too big: at most %d bytes fit", most)
}

// counted is a body in JSON that ends in a fault where it has too many bytes or
// values.
type counted struct {
	from          io.Reader
	bytes, values int // that may still come
	text, escaped bool
}

// Read counts commas outside of text.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	if c.bytes -= n; c.bytes < 0 {
		return 0, tooLong(maxBody)
	}
	for _, one := range b[:n] {
		switch {
		case c.escaped:
			c.escaped = false
		case one == '"':
			c.text = !c.text
		case c.text && one == '\\':
			c.escaped = true
		case one == ',' && !c.text:
			c.values--
		}
	}
	if c.values < 0 {
		return 0, core.Faultf(core.CodeBadInput, "the request is too big: at most %d values fit", maxValues)
	}
	if err != nil && err != io.EOF {
		err = core.Faultf(core.CodeUsage, "the request breaks off: %v", err)
	}
	return n, err
}
