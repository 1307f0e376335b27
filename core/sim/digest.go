package sim

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// digest feeds events and effects into a hash. Everything that another run of
// the same seed must repeat goes in; pointers and slices by what they hold.
type digest struct {
	hash *xxhash.Digest
	buf  []byte
}

func (d *digest) flush() {
	d.hash.Write(d.buf)
	d.buf = d.buf[:0]
}

func (d *digest) num(v uint64) {
	if len(d.buf) > 3<<10 {
		d.flush()
	}
	d.buf = binary.LittleEndian.AppendUint64(d.buf, v)
}

func (d *digest) bytes(b []byte) {
	d.num(uint64(len(b)))
	if len(b) > 512 {
		d.flush()
		d.hash.Write(b)
		return
	}
	d.buf = append(d.buf, b...)
}

func (d *digest) text(s string) {
	d.num(uint64(len(s)))
	d.buf = append(d.buf, s...)
}

func (d *digest) addr(a netip.AddrPort) {
	b := a.Addr().As16()
	d.num(binary.LittleEndian.Uint64(b[8:]))
	d.num(uint64(a.Port()))
}

func (d *digest) proto(m proto.Message) {
	if m == nil || !m.ProtoReflect().IsValid() {
		d.num(0)
		return
	}
	d.bytes(wire.Marshal(m))
}

func (d *digest) err(err error) {
	if err != nil {
		d.text(err.Error())
	}
}

// mark begins a line.
func (d *digest) mark(h *host, direction byte) {
	d.num(uint64(h.w.now))
	d.num(uint64(h.i)<<8 | uint64(direction))
}

func (d *digest) event(ev node.Event) {
	switch e := ev.(type) {
	case node.Tick:
		d.num(1)
	case node.Datagram:
		d.num(2)
		d.addr(e.From)
		d.bytes(e.Data)
	case node.Frame:
		d.num(3)
		d.addr(e.From)
		d.num(uint64(e.Peer))
		d.bytes(e.Data)
	case node.Synced:
		d.num(4)
		d.num(e.Seq)
	case node.Journaled:
		d.num(5)
		d.num(e.Seq)
	case node.Asked:
		d.num(6)
		d.num(e.ID)
		d.text(fmt.Sprintf("%T", e.Body))
	case node.ExecEnded:
		d.num(7)
		d.num(uint64(e.Fence))
		d.proto(e.Result)
	case node.Spooled:
		d.num(8)
		d.num(e.Ticket)
		d.bytes(e.Data)
		d.err(e.Err)
	case node.DiskFailed:
		d.num(9)
		d.err(e.Err)
	case node.SnapshotDecoded:
		d.num(11)
		d.num(e.Index)
		d.num(e.Term)
		d.err(e.Err)
	default:
		d.num(10)
		d.text(fmt.Sprintf("%T %v", ev, ev))
	}
}

func (d *digest) effect(eff node.Effect) {
	switch e := eff.(type) {
	case node.SendDatagram:
		d.num(101)
		d.addr(e.To)
		d.bytes(e.Data)
	case node.SendBeacon:
		d.num(102)
		d.bytes(e.Data)
	case node.SendFrame:
		d.num(103)
		d.addr(e.To)
		d.bytes(e.Data)
	case node.Append:
		d.num(104)
		d.num(e.Seq)
		d.records(e.Records)
	case node.Journal:
		d.num(105)
		d.num(e.Seq)
		d.records(e.Records)
	case node.SaveSnapshot:
		d.num(106)
		d.num(e.Index)
		d.num(e.Term)
		d.num(e.Keep)
		d.bytes(e.Meta)
		d.bytes(bodyOf(e))
	case node.DecodeSnapshot:
		d.num(113)
		d.num(e.Index)
		d.num(e.Term)
		d.bytes(e.Body)
	case node.SaveIdentity:
		d.num(107)
		d.proto(e.Identity)
	case node.Exec:
		d.num(108)
		d.num(uint64(e.Fence))
		d.bytes(e.Task[:])
		d.num(uint64(e.Attempt))
		d.proto(e.Spec)
		d.num(uint64(e.Until))
		d.num(uint64(e.Abreast))
	case node.Renew:
		d.num(118)
		d.num(uint64(e.Fence))
		d.num(uint64(e.Until))
	case node.Adopt:
		d.num(109)
		for _, started := range e.Attempts {
			d.proto(started)
		}
	case node.Reply:
		d.num(110)
		d.num(e.ID)
		d.answer(e.Body)
	case node.LogLine:
		d.num(111)
		d.text(e.Text)
	default:
		d.num(112)
		d.text(fmt.Sprintf("%T %v", eff, eff))
	}
}

func (d *digest) records(records []*wire.Record) {
	d.num(uint64(len(records)))
	for _, r := range records {
		switch body := r.Body.(type) {
		case *wire.Record_Entry:
			d.bytes(body.Entry)
		case *wire.Record_HardState:
			d.bytes(body.HardState)
		default:
			d.proto(r)
		}
	}
}

// answer hashes what a client was told.
func (d *digest) answer(body any) {
	switch a := body.(type) {
	case nil:
		d.num(200)
	case *core.Fault:
		d.num(201)
		d.num(uint64(a.Code))
		d.text(a.Message)
	case *wire.Task:
		d.num(202)
		d.proto(a)
	case node.LogRecord:
		d.num(203)
		d.num(a.Index)
		d.num(a.Term)
		d.num(uint64(a.Wall))
		d.text(a.Kind)
		for _, c := range a.Commands {
			d.proto(c)
		}
	case node.TasksView:
		d.num(204)
		for _, t := range a.Tasks {
			d.proto(t)
		}
	case node.Output:
		d.num(205)
		d.num(uint64(a.Attempt))
		d.bytes(a.Data)
	default:
		// Values of plain fields; maps in them are printed in the order of keys.
		d.num(206)
		d.text(fmt.Sprintf("%T %+v", body, body))
	}
}
