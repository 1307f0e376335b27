package lab

import (
	"time"

	"hb/core/membership"
)

// stall is the anomaly of the Lifeguard paper's experiments (§V): the process
// blocks just before it sends and just after it receives. What arrives waits
// unread; its clocks run on until the first that makes it send, and stand still
// from there; and when it goes on, it sees first that time has passed, and then
// reads its mail, one datagram after another.
type stall struct {
	blocked bool
	// sending says that the process stands at a send.
	sending bool
	outbox  []func()
	inbox   []event
	// handling is how long it takes over each datagram of its inbox, 0 for none;
	// reading says that it is at it.
	handling time.Duration
	reading  bool
}

// maxInbox is how many datagrams the kernel keeps for a process that reads none: of
// those with news about as many fit into a socket's buffer of 208 KiB, the most that a
// process gets on Linux unless its administrator allows more. What comes then is lost.
const maxInbox = 256

// hold keeps what a blocked process sends; it says so.
func (s *stall) hold(send func()) bool {
	s.sending = true
	s.outbox = append(s.outbox, send)
	return true
}

// queue keeps what a process does not read yet.
func (s *stall) queue(e *event) bool {
	if !s.blocked && len(s.inbox) == 0 {
		return false
	}
	if len(s.inbox) < maxInbox {
		s.inbox = append(s.inbox, *e)
	}
	return true
}

// Block begins an anomaly at a member.
func (l *Lab) Block(i int) { l.hosts[i].stall.blocked = true }

// Unblock ends it. Handling is how long the process takes over each datagram
// that has been waiting.
func (l *Lab) Unblock(i int, handling time.Duration) {
	s := &l.hosts[i].stall
	s.blocked, s.sending, s.handling = false, false, handling
	out := s.outbox
	s.outbox = nil
	for _, send := range out {
		send()
	}
	l.hosts[i].tick = -1 // whatever is queued comes too late
	l.step(i, membership.Tick{})
	l.hosts[i].tick = l.now + 1
	l.schedule(i)
	if !s.reading && len(s.inbox) > 0 {
		s.reading = true
		l.read(i)
	}
}

// read reads the first datagram of the inbox, and then the rest.
func (l *Lab) read(i int) {
	s := &l.hosts[i].stall
	if s.blocked || len(s.inbox) == 0 {
		s.reading = false
		return
	}
	e := s.inbox[0]
	s.inbox = s.inbox[1:]
	if e.kind == stream {
		l.step(i, e.what.(membership.Rows))
	} else {
		l.deliver(&e)
	}
	l.After(s.handling, func() { l.read(i) })
}

// Stop stops a process as it stands, its clocks too, until Unblock: as SIGSTOP
// does, or a virtual machine that is suspended.
func (l *Lab) Stop(i int) {
	s := &l.hosts[i].stall
	s.blocked, s.sending = true, true
}
