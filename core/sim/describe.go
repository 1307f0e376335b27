package sim

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// describeEvent is an event in words.
func describeEvent(ev node.Event) string {
	switch e := ev.(type) {
	case node.Tick:
		return "tick"
	case node.Datagram:
		return fmt.Sprintf("datagram from %s, %d bytes, kind %x", e.From, len(e.Data), head(e.Data))
	case node.Frame:
		return "frame " + describeFrame(e.Data)
	case node.Asked:
		return clip(fmt.Sprintf("asked %d %T %v", e.ID, e.Body, e.Body))
	case node.ExecEnded:
		return clip(fmt.Sprintf("exec %d ended: %v", e.Fence, e.Result))
	case node.SnapshotDecoded:
		return fmt.Sprintf("snapshot %d/%d decoded: %v", e.Index, e.Term, e.Err)
	case node.Spooled:
		return fmt.Sprintf("spooled %d: %s eof=%t", e.Ticket, printable(e.Data), e.EOF)
	}
	return clip(fmt.Sprintf("%T %+v", ev, ev))
}

// describeEffect is an effect in words.
func describeEffect(eff node.Effect) string {
	switch e := eff.(type) {
	case node.SendDatagram:
		return fmt.Sprintf("datagram to %s, %d bytes, kind %x", e.To, len(e.Data), head(plainOf(e)))
	case node.SendBeacon:
		return fmt.Sprintf("beacon, %d bytes", len(e.Data))
	case node.SendFrame:
		return fmt.Sprintf("frame to %s %s", e.To, describeFrame(e.Data))
	case node.Append:
		return fmt.Sprintf("append %d:%s", e.Seq, describeRecords(e.Records))
	case node.Journal:
		return fmt.Sprintf("journal %d:%s", e.Seq, describeRecords(e.Records))
	case node.SaveSnapshot:
		return fmt.Sprintf("snapshot %d/%d, %d bytes, keep %d, replace %t", e.Index, e.Term, len(bodyOf(e)), e.Keep, e.Replace)
	case node.DecodeSnapshot:
		return fmt.Sprintf("decode snapshot %d/%d, %d bytes", e.Index, e.Term, len(e.Body))
	case node.Exec:
		return clip(fmt.Sprintf("exec %d task %s attempt %d %q", e.Fence, e.Task, e.Attempt, e.Spec.GetArgv()))
	case node.Reply:
		return fmt.Sprintf("reply %d %s last=%t", e.ID, describeAnswer(e.Body), e.Last)
	case node.LogLine:
		return "log: " + e.Text
	case node.Stop:
		return fmt.Sprintf("stop %v", e.Fault)
	}
	return clip(fmt.Sprintf("%T %+v", eff, eff))
}

func head(data []byte) []byte { return data[:min(len(data), 4)] }

func describeFrame(data []byte) string {
	e, err := wire.DecodeEnvelope(data)
	if err != nil {
		return err.Error()
	}
	from := core.NodeID(e.From)
	if body, ok := e.Body.(*wire.Envelope_Raft); ok {
		m := &raftpb.Message{}
		if wire.Unmarshal(body.Raft, m) == nil {
			return clip(fmt.Sprintf("of %s: raft %s term %d index %d logterm %d commit %d reject %t, %d entries",
				from, m.GetType(), m.GetTerm(), m.GetIndex(), m.GetLogTerm(), m.GetCommit(), m.GetReject(), len(m.GetEntries())))
		}
	}
	return clip(fmt.Sprintf("of %s: %T %v", from, e.Body, e))
}

func describeRecords(records []*wire.Record) string {
	text := ""
	for _, r := range records {
		switch body := r.Body.(type) {
		case *wire.Record_Entry:
			e := &raftpb.Entry{}
			if wire.Unmarshal(body.Entry, e) == nil {
				text += fmt.Sprintf(" entry %d/%d (%s, %d bytes)", e.GetIndex(), e.GetTerm(), e.GetType(), len(e.Data))
			}
		case *wire.Record_HardState:
			hs := &raftpb.HardState{}
			if wire.Unmarshal(body.HardState, hs) == nil {
				text += fmt.Sprintf(" hard(term %d vote %x commit %d)", hs.GetTerm(), hs.GetVote(), hs.GetCommit())
			}
		default:
			text += fmt.Sprintf(" %v", r)
		}
	}
	return clip(text)
}

func describeAnswer(body any) string {
	switch a := body.(type) {
	case nil:
		return "end"
	case *core.Fault:
		return fmt.Sprintf("fault %d: %s", a.Code, a.Message)
	case node.LogRecord:
		return clip(fmt.Sprintf("log %d/%d %s %v", a.Index, a.Term, a.Kind, a.Commands))
	}
	return clip(fmt.Sprintf("%T %+v", body, body))
}
