package node

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"hb/core"
	"hb/core/wire"
)

// solo drives one founded node with a disk that syncs at once.
type solo struct {
	t       *testing.T
	n       *Node
	now     core.Instant
	asked   uint64
	frames  []SendFrame
	execs   []Exec
	lines   []string
	barred  []core.NodeID
	stopped *Stop
	aside   bool
	// certificates are those that were to be kept.
	certificates []string
	replies      map[uint64][]Reply
}

func found(t *testing.T) *solo {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	id, snap := Found("test", 0, r)
	s := &solo{t: t, now: core.Instant(time.Hour), replies: map[uint64][]Reply{}}
	s.n = New(Options{
		Name: "n1", Version: "v", Addr: netip.MustParseAddrPort("10.0.0.1:7117"), Slots: 2, Rand: r,
	}, Restored{Identity: id, Snapshot: snap, Instance: 1})
	s.tell(Clock{Offset: 1_000_000 * time.Hour})
	s.until("leads and is agreed up", func() bool { return s.n.leading && s.n.memberHere() })
	return s
}

// tell hands the node an event and carries out what it wants, at once.
func (s *solo) tell(ev Event) {
	s.t.Helper()
	events := []Event{ev}
	for len(events) > 0 {
		next := events[0]
		events = events[1:]
		for _, f := range s.n.Step(s.now, next) {
			events = append(events, s.carry(f)...)
		}
	}
}

func (s *solo) carry(f Effect) []Event {
	switch f := f.(type) {
	case Append:
		return []Event{Synced{Seq: f.Seq}}
	case Journal:
		return []Event{Journaled{Seq: f.Seq}}
	case SaveSnapshot:
		if f.Ledger != nil {
			f.Ledger.Encode()
		}
		return []Event{SnapshotSaved{Index: f.Index}}
	case DecodeSnapshot:
		return []Event{f.Decode()}
	case Exec:
		s.execs = append(s.execs, f)
		return []Event{ExecStarted{Fence: f.Fence, Pid: 1}}
	case Reply:
		s.replies[f.ID] = append(s.replies[f.ID], f)
	case SendFrame:
		s.frames = append(s.frames, f)
	case Bar:
		s.barred = append(s.barred, f.Node)
	case LogLine:
		s.lines = append(s.lines, f.Text)
	case Stop:
		s.stopped = &f
	case SaveCertificate:
		s.certificates = append(s.certificates, string(f.Certificate))
	case SetAside:
		s.aside = true
	}
	return nil
}

// pass lets time pass, tick by tick.
func (s *solo) pass(d time.Duration) {
	s.t.Helper()
	for end := s.now.Add(d); s.now < end; {
		s.now = min(end, max(s.now+1, s.n.Next()))
		s.tell(Tick{})
	}
}

func (s *solo) until(what string, ok func() bool) {
	s.t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		s.pass(10 * time.Millisecond)
	}
	s.t.Fatalf("the node never %s", what)
}

// ask asks and gives the answers that came within three seconds.
func (s *solo) ask(q Request) []Reply {
	s.t.Helper()
	s.asked++
	id := s.asked
	s.tell(Asked{ID: id, Body: q})
	for range 30 {
		if got := s.replies[id]; len(got) > 0 && got[len(got)-1].Last {
			break
		}
		s.pass(100 * time.Millisecond)
	}
	return s.replies[id]
}

// one asks for a single answer.
func (s *solo) one(q Request) any {
	s.t.Helper()
	got := s.ask(q)
	if len(got) != 1 || !got[0].Last {
		s.t.Fatalf("%T was answered %v", q, got)
	}
	return got[0].Body
}

// fault asks for what must fail with a code.
func (s *solo) fault(q Request, code core.Code) *core.Fault {
	s.t.Helper()
	f, ok := s.one(q).(*core.Fault)
	if !ok || f.Code != code {
		s.t.Fatalf("%T was answered %v, not with code %d", q, f, code)
	}
	return f
}

// frame hands the node a frame from a stranger or a member.
func (s *solo) frame(e *wire.Envelope) {
	s.t.Helper()
	f := Frame{From: netip.MustParseAddrPort("10.0.0.9:40000"), Peer: core.NodeID(e.From), Data: wire.EncodeEnvelope(e)}
	if c, known := s.n.ledger.Credential(f.Peer); known {
		f.Key = [32]byte(c.SignKey)
	}
	s.tell(f)
}

// sent gives the frames of one kind that the node has sent.
func sent[B any](s *solo) []*wire.Envelope {
	var found []*wire.Envelope
	for _, f := range s.frames {
		e, err := wire.DecodeEnvelope(f.Data)
		if err != nil {
			s.t.Fatal(err)
		}
		if _, ok := e.Body.(B); ok {
			found = append(found, e)
		}
	}
	return found
}
