package sim

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// referee watches the nodes from outside and fails the world when an invariant
// breaks (books.go has the invariants). It holds a ledger of its own, fed with
// the log that the nodes tell, each entry when the first node tells it.
type referee struct {
	w        *World
	leaders  leaderBook
	log      logBook
	tasks    taskBook
	runs     runBook
	promises promiseBook
	reads    readBook
	locks    lockBook
	let      admissionBook
	ledger   *ledger.State
	// saved is the checksum of every snapshot's body, by index.
	saved map[uint64]uint64
	// who is the identity of each host's node, as its frames say.
	who  map[int]core.NodeID
	raft map[uint64]int // host by engine ID
}

func newReferee(w *World) *referee {
	return &referee{w: w, saved: map[uint64]uint64{}, who: map[int]core.NodeID{}, raft: map[uint64]int{}}
}

// found gives the referee the genesis of the cluster.
func (r *referee) found(index uint64, body []byte) error {
	s, err := ledger.Decode(body)
	if err != nil {
		return err
	}
	r.ledger, r.log.first = s, index+1
	return nil
}

func (r *referee) check(invariant string, err error) {
	if err != nil {
		r.w.fail(invariant, "%v", err)
	}
}

// follow asks a node that has just started for its whole log, and what comes.
func (r *referee) follow(h *host) {
	w := r.w
	w.calls++
	c := &Call{world: w, Host: h.i, Body: node.FollowLog{Follow: true}, id: w.calls}
	c.each = func(body any) {
		if rec, ok := body.(node.LogRecord); ok {
			r.told(h, rec)
		}
	}
	h.calls[c.id] = c
	h.deliver(h.life, node.Asked{ID: c.id, Body: c.Body})
}

// told is one node telling one committed entry.
func (r *referee) told(h *host, rec node.LogRecord) {
	entry := &wire.Entry{WallNanos: rec.Wall, Commands: rec.Commands}
	sum := xxhash.New()
	sum.WriteString(rec.Kind)
	var wall [8]byte
	binary.LittleEndian.PutUint64(wall[:], uint64(rec.Wall))
	sum.Write(wall[:])
	for _, c := range rec.Commands {
		sum.Write(wire.Marshal(c))
	}
	fresh, err := r.log.see(rec.Index, rec.Term, sum.Sum64())
	if err != nil {
		r.w.fail("committed prefixes agree", "%s: %v: %s %v", h.name, err, rec.Kind, rec.Commands)
	}
	if fresh && err == nil {
		r.apply(rec, entry)
	}
}

// apply feeds an entry to the referee's own ledger and looks at what changed.
func (r *referee) apply(rec node.LogRecord, entry *wire.Entry) {
	if rec.Kind != "commands" {
		entry = nil
	}
	// The node keeps its commands; this ledger gets its own.
	if entry != nil {
		copied, err := wire.DecodeEntry(wire.EncodeEntry(entry))
		if err != nil {
			r.check("every entry can be read", err)
			return
		}
		entry = copied
	}
	for _, o := range r.ledger.Apply(rec.Index, entry) {
		for _, t := range o.Also {
			r.check("a task has one final record, and its grants only advance", r.tasks.see(t))
		}
		if o.Task != nil {
			if r.w.options.Watch != nil {
				r.w.options.Watch(Seen{Asked: r.w.now, Answered: r.w.now, Answer: o.Task})
			}
			r.check("a task has one final record, and its grants only advance", r.tasks.see(o.Task))
			r.check("what is recorded is what happened", r.runs.confirm(o.Task))
		}
		if back := o.Command.GetRequeue(); back.GetUnstarted() && o.Verdict == nil {
			r.check("what never started never runs", r.runs.disown(core.Fence(back.Fence)))
		}
		if r.w.options.Tokens {
			r.check("nobody is in whom no token lets in, or who was forgotten", r.let.see(rec.Wall, &o))
		}
		if note := o.Command.GetNote(); note != nil && o.Verdict == nil {
			r.promises.told(rec.Index, note.Text)
		}
	}
	if r.w.options.Tokens {
		founders := []core.NodeID{core.NodeID(r.w.identityOf(0, 0).Node)}
		r.check("nobody is in whom no token lets in, or who was forgotten", r.let.ledger(r.ledger, founders))
	}
	r.settle()
}

// settle checks what waited for the log to be known further.
func (r *referee) settle() {
	end := r.log.end()
	r.check("what was acknowledged is in the log", r.promises.check(end, r.task))
	r.check("every execution had a grant", r.runs.prove(end, r.tasks.grants, func(i int) core.NodeID { return r.who[i] }))
}

// task is a task's record in the agreed ledger.
func (r *referee) task(id core.TaskID) *wire.Task {
	if r.ledger == nil {
		return nil
	}
	t, _ := r.ledger.Task(id)
	return t
}

// executed is a process that began.
func (r *referee) executed(k *child) {
	r.check("a grant is executed at most once", r.runs.execute(k))
	r.settle()
}

// frame looks at a frame on its way out: whose it is, and whether it is a
// leader's.
func (r *referee) frame(h *host, f frameHead) {
	if f.from == 0 {
		return
	}
	if before := r.who[h.i]; before != core.NodeID(f.from) {
		r.who[h.i] = core.NodeID(f.from)
	}
	if f.leads {
		r.raft[f.raft] = h.i
		r.check("one leader a term", r.leaders.claim(f.term, f.raft))
	}
}

// snapshot compares a snapshot with those of other nodes at the same index.
func (r *referee) snapshot(h *host, index uint64, body []byte) {
	sum := xxhash.Sum64(body)
	if before, ok := r.saved[index]; ok && before != sum {
		r.w.fail("equal logs mean equal states", "%s: its snapshot at %d differs from another's", h.name, index)
	}
	r.saved[index] = sum
	if r.ledger != nil && r.ledger.Applied() == index && xxhash.Sum64(r.ledger.Encode()) != sum {
		r.w.fail("equal logs mean equal states", "%s: its snapshot at %d differs from the referee's", h.name, index)
	}
}

// bodyOf is what a snapshot holds.
func bodyOf(e node.SaveSnapshot) []byte {
	if e.Ledger != nil {
		return e.Ledger.Bytes()
	}
	return e.Body
}

// answered looks at the last answer of a call.
func (r *referee) answered(c *Call) {
	switch a := c.Answer().(type) {
	case node.Submitted:
		key := ""
		if s, is := c.Body.(node.SubmitTask); is {
			key = s.Spec.GetKey()
		}
		r.check("a key names one task", r.promises.keep(promise{index: a.Index, task: a.Task, key: key}))
	case node.Appended:
		r.check("what is written comes after what was there", r.reads.written(c.seen, a.Index))
		r.check("an index has one note", r.promises.keep(promise{index: a.Index, note: string(c.Body.(node.AppendNote).Text)}))
	case node.LeaderView:
		if a.Confirmed {
			r.check("a confirmed leader leads", r.reads.leader(c.seen, a.Term))
		}
	}
	if ask, ok := c.Body.(node.GetTask); ok {
		t, _ := c.Answer().(*wire.Task)
		gone := c.Fault() != nil && c.Fault().Code == core.CodeUnheard
		r.check("reads are linearizable", r.reads.task(c.seen, ask.Task, t, gone))
	}
	r.settle()
}

// glance is what was known to have happened at a moment: a reading that begins
// then must not be of an earlier time.
type glance struct {
	term uint64
	end  uint64
	task *wire.Task
}

func (r *referee) glance(body node.Request) glance {
	g := glance{term: max(r.log.term(), r.reads.confirmed), end: r.log.end()}
	if ask, ok := body.(node.GetTask); ok {
		g.task = r.task(ask.Task)
	}
	return g
}

// Leader is the host that acts as leader of the highest term and whose process
// runs, or -1.
func (w *World) Leader() int {
	i, ok := w.referee.raft[w.referee.leaders.terms[w.referee.leaders.latest]]
	if !ok || !w.hosts[i].up() {
		return -1
	}
	return i
}
