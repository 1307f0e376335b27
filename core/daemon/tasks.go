package daemon

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/runnerd"
	"hb/core/supervise"
	"hb/core/wire"
)

const (
	// runnerAgain is the pause after a runner process could not be had.
	runnerAgain = time.Second
	// farewellToRunner is how long its end may take.
	farewellToRunner = 10 * time.Second
)

// tasks are this node's attempts, as far as the runner process knows them. Only
// the loop calls the methods that are named after effects; none waits.
type tasks struct {
	runner runnerd.Options
	may    definitions
	name   string
	id     core.NodeID
	own    own
	live   map[core.Fence]int // process IDs; 0: not yet one
	spawn  func(func())
	tell   func(node.Event) bool
	log    func(warn bool, text string)
	quit   <-chan struct{}

	// doubtful says that the journal may have forgotten attempts.
	doubtful bool

	session  *session // to whom the loop speaks
	sessions *mailbox[*session]
	goodbye  chan bool     // the node has ended; true: for good
	over     chan struct{} // closed when keep has ended
}

// session is what is said to one runner process. Before there is one, what is to
// be said waits; once it is gone, nothing is.
type session struct {
	mu      sync.Mutex
	link    *runnerd.Link
	waiting []*wire.ToRunner
	closed  bool
	reads   map[uint64]bool // tickets without an answer yet
	adopted int             // attempts that it begins with
	needed  chan struct{}   // closed when something is said beside that
}

func (s *session) send(m *wire.ToRunner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
	case s.link == nil:
		if len(s.waiting) == 1 {
			close(s.needed)
		}
		s.waiting = append(s.waiting, m)
	default:
		s.link.Send(m)
	}
}

// read sends a question; false when nobody will answer it.
func (s *session) read(m *wire.RunnerRead) bool {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false
	}
	s.reads[m.Ticket] = true
	s.mu.Unlock()
	s.send(&wire.ToRunner{Body: &wire.ToRunner_Read{Read: m}})
	return true
}

func (s *session) answered(ticket uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reads, ticket)
}

// open lets what has waited go to a runner process.
func (s *session) open(l *runnerd.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link = l
	for _, m := range s.waiting {
		l.Send(m)
	}
	s.waiting = nil
}

// close says that the runner process is gone, and gives the questions that it
// left without an answer.
func (s *session) close() (unanswered []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for ticket := range s.reads { // each on its own
		unanswered = append(unanswered, ticket)
	}
	s.waiting, s.reads = nil, nil
	return unanswered
}

// keep sees to it that there is a runner process once one is needed, and brings
// what it says, one session after the other, until the node ends.
func (t *tasks) keep() {
	defer close(t.over)
	for {
		next, ok := t.sessions.take(t.quit)
		if !ok {
			return
		}
		s := next[len(next)-1]
		if !t.awaitNeed(s) {
			return
		}
		link := t.connect()
		if link == nil {
			return
		}
		s.open(link)
		parted := make(chan struct{})
		go t.part(link, parted)
		t.listen(s, link)
		close(parted)
		link.Abort()
		for _, ticket := range s.close() {
			t.tell(node.Spooled{Ticket: ticket})
		}
		select {
		case <-t.quit:
			return
		default:
		}
		t.log(true, "the runner process is gone; another is started")
		t.tell(node.Orphaned{})
	}
}

// awaitNeed waits until a session needs a runner process; false when the node
// ends. Where there has never been one, nothing can be left of it: then it takes
// a first task, for it is as large as the rest of an idle node.
func (t *tasks) awaitNeed(s *session) bool {
	if t.doubtful || s.adopted > 0 || runnerd.Been(t.runner.DataDir) {
		return true
	}
	select {
	case <-s.needed:
		return true
	case <-t.quit:
		return false
	}
}

// connect finds the runner process of the data directory, or starts one. Nil:
// the node ends.
func (t *tasks) connect() *runnerd.Link {
	said := ""
	for {
		link, err := t.find()
		if err == nil {
			return link
		}
		if text := err.Error(); text != said {
			said = text
			t.log(true, "no tasks can run here for now: "+text)
		}
		select {
		case <-time.After(runnerAgain):
		case <-t.quit:
			return nil
		}
	}
}

// find is one attempt to connect. One of another program that has nothing to do
// gives way to this program's own.
func (t *tasks) find() (*runnerd.Link, error) {
	link, hello, err := runnerd.Dial(t.runner.DataDir, t.runner.Build)
	if err == nil && hello.GetVersion() == runnerd.Version && (hello.GetBuild() == t.runner.Build || hello.GetAttempts() > 0) {
		return link, nil
	}
	switch {
	case err != nil && !runnerd.Absent(err):
		return nil, fmt.Errorf("the runner process does not answer: %w", err)
	case err == nil && hello.GetAttempts() > 0:
		link.Close()
		return nil, fmt.Errorf("the runner process %d is of another program, which this one does not understand, and still runs %d tasks", hello.GetPid(), hello.GetAttempts())
	case err == nil:
		link.Send(&wire.ToRunner{Body: &wire.ToRunner_Quit{Quit: true}})
		awaitEOF(link)
	}
	if err := runnerd.Start(t.runner); err != nil {
		return nil, fmt.Errorf("the runner process does not start: %w", err)
	}
	if link, _, err = runnerd.Dial(t.runner.DataDir, t.runner.Build); err != nil {
		return nil, fmt.Errorf("the runner process has just been started and does not answer: %w", err)
	}
	return link, nil
}

// awaitEOF waits until the other side has ended.
func awaitEOF(l *runnerd.Link) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for l.Receive(&wire.FromRunner{}) == nil {
		}
	}()
	select {
	case <-gone:
	case <-time.After(farewellToRunner): // stuck in the kernel; the next start will see to it
	}
	l.Abort()
}

// listen brings what a runner process says, until it is gone.
func (t *tasks) listen(s *session, l *runnerd.Link) {
	for {
		m := &wire.FromRunner{}
		if l.Receive(m) != nil {
			return
		}
		switch b := m.Body.(type) {
		case *wire.FromRunner_Started:
			t.tell(node.ExecStarted{Fence: core.Fence(b.Started.GetFence()), Pid: int(b.Started.GetPid()), StartTicks: b.Started.GetStartTicks(), Boot: b.Started.GetBoot()})
		case *wire.FromRunner_Ended:
			t.tell(node.ExecEnded{Fence: core.Fence(b.Ended.GetFence()), Result: b.Ended.GetResult()})
		case *wire.FromRunner_Unbegun:
			t.tell(node.Unbegun{Fence: core.Fence(b.Unbegun)})
		case *wire.FromRunner_Gone:
			t.tell(node.Reaped{Fence: core.Fence(b.Gone)})
		case *wire.FromRunner_Output:
			s.answered(b.Output.GetTicket())
			t.tell(spooled(b.Output))
		case *wire.FromRunner_Note:
			t.log(b.Note.GetWarn(), b.Note.GetText())
		}
	}
}

func spooled(o *wire.RunnerOutput) node.Spooled {
	ev := node.Spooled{Ticket: o.GetTicket(), Data: o.GetData(), Skipped: o.GetSkipped(), At: o.GetAt(), EOF: o.GetEof()}
	if o.GetError() != "" {
		ev.Err = errors.New(o.GetError())
	}
	return ev
}

// adopt begins a session: nothing that was said before it counts.
func (t *tasks) adopt(e node.Adopt) {
	first := &wire.ToRunner{Body: &wire.ToRunner_Adopt{Adopt: &wire.RunnerAdopt{Attempts: e.Attempts, Node: uint64(t.id)}}}
	t.session = &session{
		reads: map[uint64]bool{}, waiting: []*wire.ToRunner{first}, adopted: len(e.Attempts), needed: make(chan struct{}),
	}
	t.sessions.put(t.session)
	clear(t.live)
	for _, s := range e.Attempts {
		t.live[core.Fence(s.GetFence())] = 0
	}
}

func raw(words []string) [][]byte {
	out := make([][]byte, len(words))
	for i, w := range words {
		out[i] = []byte(w)
	}
	return out
}

// recall takes back an attempt that waits.
func (t *tasks) recall(f core.Fence) {
	t.session.send(&wire.ToRunner{Body: &wire.ToRunner_Recall{Recall: uint64(f)}})
}

// renew lets an exclusive attempt run longer.
func (t *tasks) renew(e node.Renew) {
	t.session.send(&wire.ToRunner{Body: &wire.ToRunner_Renew{Renew: &wire.RunnerRenew{Fence: uint64(e.Fence), Until: int64(e.Until)}}})
}

// terminate ends an attempt.
func (t *tasks) terminate(e node.Terminate) {
	t.session.send(&wire.ToRunner{Body: &wire.ToRunner_Terminate{Terminate: &wire.RunnerTerminate{Fence: uint64(e.Fence), GraceNanos: int64(e.Grace)}}})
}

// disown ends what there may be of an attempt.
func (t *tasks) disown(f core.Fence) {
	t.session.send(&wire.ToRunner{Body: &wire.ToRunner_Disown{Disown: uint64(f)}})
}

// release lets the runner process forget an attempt.
func (t *tasks) release(f core.Fence) {
	t.session.send(&wire.ToRunner{Body: &wire.ToRunner_Release{Release: uint64(f)}})
}

// read answers ReadSpool.
func (t *tasks) read(e node.ReadSpool) {
	if !t.session.read(&wire.RunnerRead{Ticket: e.Ticket, Fence: uint64(e.Fence), From: e.From, MaxBytes: uint32(e.Max)}) {
		t.spawn(func() { t.tell(node.Spooled{Ticket: e.Ticket}) })
	}
}

// drop deletes the output of an attempt that has ended.
func (t *tasks) drop(f core.Fence) {
	t.session.send(&wire.ToRunner{Body: &wire.ToRunner_Drop{Drop: uint64(f)}})
}

// seen keeps account of the attempts by the events that the machine is told.
func (t *tasks) seen(ev node.Event) {
	switch ev := ev.(type) {
	case node.ExecStarted:
		t.live[ev.Fence] = ev.Pid
		t.publish()
	case node.Unbegun:
		delete(t.live, ev.Fence)
	case node.Reaped:
		delete(t.live, ev.Fence)
	case node.ExecEnded:
		delete(t.live, ev.Fence)
		t.own.ended.Add(ev.Result.GetCpuNanos())
		t.publish()
	}
}

// publish tells the sampler which processes are hb's.
func (t *tasks) publish() {
	var pids []int
	for _, pid := range t.live { // sorted below
		if pid != 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	t.own.pids.Store(&pids)
}

// part lets go of the runner process when the node has ended, or ends it too.
func (t *tasks) part(l *runnerd.Link, parted <-chan struct{}) {
	select {
	case forGood := <-t.goodbye:
		if forGood {
			l.Send(&wire.ToRunner{Body: &wire.ToRunner_Quit{Quit: true}})
			select {
			case <-parted: // it has ended
				return
			case <-time.After(farewellToRunner): // stuck in the kernel; the next start will see to it
			}
		}
		l.Close()
	case <-parted:
	}
}

// end is the end of the node. For good: its tasks end with it, because nobody
// would be left to say how they end.
func (t *tasks) end(forGood bool) {
	t.goodbye <- forGood
	<-t.over
}

// lingering is how long tasks go on without this daemon, unless the options say.
func lingering(o *Options) time.Duration {
	switch {
	case o.Linger < 0:
		return 0
	case o.Linger > 0:
		return o.Linger
	case o.Dev:
		return devLinger
	}
	return supervise.Forever
}

// devLinger is enough to start a node again by hand, and does not leave a test's
// tasks behind for long.
const devLinger = time.Minute
