package replog

import (
	"bytes"
	"io"

	"hb/core/wire"
)

// Body is what a snapshot holds, for those who pull it. A ledger's version is one:
// most of that is what the ledger itself holds, so that the newest snapshot takes
// little memory beside it.
type Body interface {
	// Size is its length in bytes, Sum their wire.Checksum.
	Size() int64
	Sum() uint32
	io.ReaderAt
}

// plain is a body in one piece.
type plain struct {
	*bytes.Reader
	sum uint32
}

func plainBody(b []byte) Body { return plain{bytes.NewReader(b), wire.Checksum(b)} }

// Sum was made with it.
func (p plain) Sum() uint32 { return p.sum }

// body is that of the snapshot on the disk.
func (r Restored) body() Body {
	if r.Body != nil {
		return r.Body
	}
	return plainBody(r.Snapshot.GetData())
}
