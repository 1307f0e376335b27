package netutil

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// What a member has said once is nothing when somebody else says it again.
func TestAStreamThatWasRecordedIsNothingTheSecondTime(t *testing.T) {
	a := newAuthority(t)
	s := serveGuarded(t, Incoming{Guard: a.guard(t, 1)})
	tap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	var record bytes.Buffer
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		from, err := tap.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", s.at.String())
		if err != nil {
			return
		}
		go io.Copy(from, to)
		io.Copy(to, io.TeeReader(from, &record))
		to.Close()
		from.Close()
	}()
	p, _ := guardedPool(t, a.guard(t, 2))
	p.Send(tap.Addr().(*net.TCPAddr).AddrPort(), []byte("once"))
	if got := await(t, s.got, "the frame"); string(got.Frame) != "once" {
		t.Fatalf("got %q", got.Frame)
	}
	p.Close(0)
	await(t, recorded, "the end of the stream")
	conn, err := net.Dial("tcp", s.at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(record.Bytes())
	await(t, s.rejected, "the refusal")
	if record.Len() == 0 || len(s.got) > 0 {
		t.Errorf("%d bytes said again brought %d frames", record.Len(), len(s.got))
	}
}
