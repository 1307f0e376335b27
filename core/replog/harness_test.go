package replog

import (
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/agenda"
	"hb/core/wire"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// world is several logs on virtual time, with a network that may lose, delay
// and cut, and disks that keep only what they have finished. After every step
// it checks what must always hold.
type world struct {
	t      *testing.T
	now    core.Instant
	events agenda.Agenda[core.Instant]
	rng    *rand.Rand
	sites  []*site // by number - 1
	opt    Options
	target int // how many shall vote; 0: as the options say

	loss      float64
	torn      float64 // how often a crash tears the frame that is being written
	duplicate float64
	delay     time.Duration // at most
	sync      time.Duration // at most
	cut       func(from, to int) bool

	leaders map[uint64]int    // term → site
	agreed  map[uint64]string // index → term and data
	acked   map[string]uint64 // data → index, seen applied on the leader that took it
	highest uint64            // of acked
	reads   map[uint64]uint64 // ticket → highest when asked
	answers map[uint64]string // ticket → what became of it
	dropped map[uint64]Dropped
	tickets uint64
	notes   []string
	trace   bool
	silent  bool // who starts is told to nobody yet
}

type site struct {
	n     int
	raft  core.RaftID
	node  core.NodeID
	log   *Log
	life  int // grows at each crash; events of an earlier life are void
	left  bool
	seen  bool // the directory knows it
	wish  Wish
	zone  string
	data  []string
	at    uint64 // applied
	conf  Conf
	mine  map[string]bool // proposed here
	disk  medium
	busy  core.Instant   // the disk works until then
	frame []*wire.Record // what it writes, nil: nothing
	stall bool
	stuck []func()
	led   uint64
	pulls int
	pages int
	snaps int
	apps  int // appends it sent, with entries or without
	wake  core.Instant
}

// medium is what a crash leaves.
type medium struct {
	hard    *raftpb.HardState
	snap    *raftpb.Snapshot
	entries []*raftpb.Entry
	doubt   position
	damaged bool
}

type chacha struct{ r *rand.ChaCha8 }

func (c chacha) Read(p []byte) (int, error) { return c.r.Read(p) }

var _ io.Reader = chacha{}

func newWorld(t *testing.T, seed uint64) *world {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	old := crand.Reader
	crand.Reader = chacha{rand.NewChaCha8(key)} // the engine's election jitter
	t.Cleanup(func() { crand.Reader = old })
	return &world{
		t: t, now: core.Instant(time.Hour), rng: rand.New(rand.NewPCG(seed, 1)),
		delay: 2 * time.Millisecond, sync: 2 * time.Millisecond,
		leaders: map[uint64]int{}, agreed: map[uint64]string{}, acked: map[string]uint64{},
		reads: map[uint64]uint64{}, answers: map[uint64]string{}, dropped: map[uint64]Dropped{},
	}
}

func (w *world) after(d time.Duration, do func()) {
	w.events.Add(w.now.Add(d), do)
}

func (w *world) random(most time.Duration) time.Duration {
	return time.Duration(1 + w.rng.Int64N(int64(most)))
}

// found starts the first site from a genesis snapshot; join adds further ones
// with an empty disk.
func (w *world) found() *site {
	s := w.add()
	s.disk.snap = Genesis(s.raft, nil)
	w.start(s)
	return s
}

func (w *world) join() *site {
	s := w.add()
	w.start(s)
	return s
}

func (w *world) add() *site {
	n := len(w.sites) + 1
	s := &site{n: n, raft: core.RaftID(100 + n), node: core.NodeID(n), mine: map[string]bool{}}
	w.sites = append(w.sites, s)
	return s
}

func (w *world) start(s *site) {
	s.life++
	opt := w.opt
	opt.Self, opt.Node, opt.Rand = s.raft, s.node, rand.New(rand.NewPCG(uint64(s.n), uint64(s.life)))
	s.data, s.at, s.busy, s.stuck, s.led, s.frame = nil, 0, w.now, nil, 0, nil
	d := s.disk
	if d.snap != nil {
		s.at, s.data = d.snap.GetMetadata().GetIndex(), unpack(d.snap.GetData())
	}
	s.log = New(opt, Restored{Hard: d.hard, Snapshot: d.snap, Entries: slices.Clone(d.entries),
		DoubtTerm: d.doubt.term, DoubtIndex: d.doubt.index, Damaged: d.damaged})
	s.disk.damaged = false
	s.seen = true
	w.step(s, Tick{})
	if !w.silent {
		w.tellPeers(0)
	}
	w.gossip(s, s.life)
}

// crash ends a site at once; its peers believe it a little later.
func (w *world) crash(s *site, refused bool) {
	s.life++
	if len(s.frame) > 0 && w.rng.Float64() < w.torn {
		s.disk.tear(s.frame)
	}
	s.log = nil
	for _, o := range w.sites {
		if refused && o.log != nil && !w.isCut(s.n, o.n) {
			w.later(o, time.Millisecond, func() { w.step(o, Lost{Raft: s.raft, Refused: true}) })
		}
	}
	w.tellPeers(time.Second)
}

func (w *world) isCut(a, b int) bool { return w.cut != nil && w.cut(a, b) }

// tellPeers gives everybody the directory as it is by then.
func (w *world) tellPeers(d time.Duration) {
	w.after(d, func() {
		for _, s := range w.sites {
			if s.log == nil {
				continue
			}
			var list []Peer
			for _, o := range w.sites {
				if o.seen {
					list = append(list, Peer{Raft: o.raft, Node: o.node, Up: o.log != nil && !o.left, Left: o.left, Wish: o.wish, Zone: o.zone})
				}
			}
			w.step(s, Peers{List: list, Voters: w.target})
		}
	})
}

// gossip lets a site hear about somebody's commit index now and then.
func (w *world) gossip(s *site, life int) {
	w.after(w.random(300*time.Millisecond), func() {
		if s.life != life {
			return
		}
		o := w.sites[w.rng.IntN(len(w.sites))]
		if o != s && o.log != nil && !w.isCut(o.n, s.n) {
			w.step(s, Heard{Node: o.node, Commit: o.log.Commit()})
		}
		w.gossip(s, life)
	})
}

func (w *world) later(s *site, d time.Duration, do func()) {
	life := s.life
	w.after(d, func() {
		if s.life == life {
			do()
		}
	})
}

func (w *world) step(s *site, ev Event) {
	if s.log == nil {
		return
	}
	for _, e := range slices.Clone(s.log.Step(w.now, ev)) {
		w.carryOut(s, e)
	}
	w.check(s)
	if next := s.log.Next(); next != s.wake {
		s.wake = next
		w.later(s, next.Sub(w.now), func() {
			if s.wake == next {
				w.step(s, Tick{})
			}
		})
	}
}

func (w *world) carryOut(s *site, e Effect) {
	if w.trace {
		fmt.Printf("%v %d %T %v\n", time.Duration(w.now)-time.Hour, s.n, e, e)
	}
	switch e := e.(type) {
	case Append:
		if s.frame == nil {
			s.frame = e.Records
		}
		w.onDisk(s, func() {
			s.frame = nil
			for _, r := range e.Records {
				s.disk.write(w.t, r)
			}
			w.step(s, Synced{e.Seq})
		})
	case Send:
		if e.Msg.GetType() == raftpb.MsgApp {
			s.apps++
		}
		b := marshal(e.Msg)
		w.carry(s, w.byRaft(e.To), func(o *site) {
			m := &raftpb.Message{}
			if err := proto.Unmarshal(b, m); err != nil {
				w.t.Fatal(err)
			}
			w.step(o, Received{m})
		})
	case Pull:
		s.pulls++
		w.carry(s, w.sites[e.To-1], func(o *site) { w.step(o, PullAsked{s.node, e.Pull}) })
	case Page:
		s.pages++
		w.carry(s, w.sites[e.To-1], func(o *site) { w.step(o, PageCame{s.node, proto.Clone(e.Page).(*wire.Page)}) })
	case Apply:
		for _, entry := range e.Entries {
			w.apply(s, entry)
		}
	case Examine:
		at := e.Snapshot.GetMetadata()
		w.later(s, 0, func() { w.step(s, Examined{Index: at.GetIndex(), Term: at.GetTerm()}) })
	case Install:
		s.snaps++
		at := e.Snapshot.GetMetadata().GetIndex()
		s.at, s.data = at, unpack(e.Snapshot.GetData())
		w.onDisk(s, func() {
			s.disk.snap, s.disk.entries = e.Snapshot, nil
			w.step(s, Saved{at})
		})
	case WantSnapshot:
		if e.Index != s.at {
			w.t.Fatalf("a snapshot of %d is wanted at %d", e.Index, s.at)
		}
		snap := &raftpb.Snapshot{Data: pack(s.data), Metadata: &raftpb.SnapshotMetadata{Index: &e.Index, Term: &e.Term, ConfState: e.Conf}}
		w.later(s, 0, func() { w.step(s, SnapshotMade{Snapshot: snap}) })
		w.onDisk(s, func() {
			s.disk.snap = snap
			s.disk.entries = slices.DeleteFunc(s.disk.entries, func(x *raftpb.Entry) bool { return x.GetIndex() < e.Keep })
			w.step(s, Saved{e.Index})
		})
	case ReadOK:
		if e.Index < w.reads[e.Ticket] {
			w.t.Fatalf("site %d reads at %d what was acknowledged up to %d before it asked", s.n, e.Index, w.reads[e.Ticket])
		}
		w.answers[e.Ticket] = "ok"
	case ReadFailed:
		w.answers[e.Ticket] = "failed"
	case Dropped:
		w.dropped[e.Ticket] = e
	case LeaderIs:
		if e.Raft == s.raft {
			if other, ok := w.leaders[e.Term]; ok && other != s.n {
				w.t.Fatalf("sites %d and %d both lead term %d", other, s.n, e.Term)
			}
			w.leaders[e.Term] = s.n
		}
	case Led:
		s.led = e.Term
	case Deposed:
		if s.led == 0 {
			w.t.Fatalf("site %d was deposed without leading", s.n)
		}
		s.led = 0
	case Conf:
		s.conf = e
	case Note:
		w.notes = append(w.notes, fmt.Sprintf("%d: %s", s.n, e.Text))
	default:
		w.t.Fatalf("unknown effect %T", e)
	}
}

func (w *world) apply(s *site, e *raftpb.Entry) {
	if e.GetIndex() != s.at+1 {
		w.t.Fatalf("site %d applies %d after %d", s.n, e.GetIndex(), s.at)
	}
	s.at = e.GetIndex()
	this := fmt.Sprintf("%d %v %q", e.GetTerm(), e.GetType(), e.GetData())
	if was, ok := w.agreed[e.GetIndex()]; ok && was != this {
		w.t.Fatalf("site %d applies %s at %d where another applied %s", s.n, this, e.GetIndex(), was)
	}
	w.agreed[e.GetIndex()] = this
	if e.GetType() == raftpb.EntryNormal && len(e.GetData()) > 0 {
		s.data = append(s.data, string(e.GetData()))
		if s.mine[string(e.GetData())] {
			w.acked[string(e.GetData())] = e.GetIndex()
			w.highest = max(w.highest, e.GetIndex())
		}
	}
}

// check is what must hold after every step of a site.
func (w *world) check(s *site) {
	l := s.log
	if l.Applied() != s.at || l.Applied() > l.Commit() || l.Commit() > l.LastIndex() {
		w.t.Fatalf("site %d: applied %d (told %d), commit %d, last %d", s.n, l.Applied(), s.at, l.Commit(), l.LastIndex())
	}
	if (s.led != 0) && !l.Leading() {
		w.t.Fatalf("site %d was not deposed, but does not lead", s.n)
	}
}

// carry takes something over the network.
func (w *world) carry(from, to *site, deliver func(*site)) {
	if to == nil || w.isCut(from.n, to.n) || w.rng.Float64() < w.loss {
		return
	}
	times := 1
	if w.rng.Float64() < w.duplicate {
		times = 2
	}
	for range times {
		w.after(w.random(w.delay), func() {
			if to.log != nil && !w.isCut(from.n, to.n) {
				deliver(to)
			}
		})
	}
}

func (w *world) byRaft(id core.RaftID) *site {
	for _, s := range w.sites {
		if s.raft == id {
			return s
		}
	}
	return nil
}

// onDisk does something when the disk has finished everything before it.
func (w *world) onDisk(s *site, do func()) {
	if s.stall {
		s.stuck = append(s.stuck, do)
		return
	}
	s.busy = max(s.busy, w.now).Add(w.random(w.sync))
	w.later(s, s.busy.Sub(w.now), do)
}

func (w *world) unstall(s *site) {
	s.stall = false
	stuck := s.stuck
	s.stuck = nil
	for _, do := range stuck {
		w.onDisk(s, do)
	}
}

func pack(data []string) []byte { return []byte(strings.Join(data, "\n")) }
func unpack(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(string(b), "\n")
}

// happen lets the next thing happen.
func (w *world) happen() {
	at, do := w.events.Take()
	w.now = at
	do()
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for w.events.Len() > 0 && w.events.Next() <= end {
		w.happen()
	}
	w.now = end
}

// until lets time pass until something is so; it fails when that takes longer
// than it may.
func (w *world) until(what string, most time.Duration, ok func() bool) time.Duration {
	w.t.Helper()
	begin := w.now
	for !ok() {
		if w.events.Len() == 0 || w.now.Sub(begin) > most {
			w.t.Fatalf("%s: not within %v\n%s", what, most, w.describe())
		}
		w.happen()
	}
	return w.now.Sub(begin)
}
