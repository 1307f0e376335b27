package ledger

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// The bounds of locks.
const (
	MaxLockName     = 256    // bytes
	MaxLockSessions = 10_000 // clients that have a lock or wait for one
)

// LockSession names a client that has a lock or waits for it.
type LockSession [16]byte

// Locks are all that somebody has, by name.
func (s *State) Locks() []*wire.Lock { return slices.Clone(s.locks) }

// Lock finds the lock that a session is in, and the session in it.
func (s *State) Lock(id LockSession) (*wire.Lock, *wire.LockSession, bool) {
	name, ok := s.sessions[id]
	if !ok {
		return nil, nil, false
	}
	i, _ := s.findLock(name)
	l := s.locks[i]
	return l, l.Sessions[sessionIn(l, id[:])], true
}

func (s *State) findLock(name string) (int, bool) {
	return slices.BinarySearchFunc(s.locks, name, func(l *wire.Lock, name string) int { return strings.Compare(l.Name, name) })
}

func sessionIn(l *wire.Lock, id []byte) int {
	return slices.IndexFunc(l.Sessions, func(x *wire.LockSession) bool { return string(x.Session) == string(id) })
}

// acquireLock gives a lock to a session, or lets it wait behind those who asked
// before. The same session again is answered as the first time.
func (s *State) acquireLock(o *Outcome, c *wire.AcquireLock) {
	if len(c.GetSession()) != len(LockSession{}) || c.Node == 0 || c.Name == "" || len(c.Name) > MaxLockName {
		o.Verdict = refuse(core.CodeBadInput, "lock %q: a name of 1 to %d bytes, a session and a member are needed", c.GetName(), MaxLockName)
		return
	}
	id := LockSession(c.Session)
	if l, x, known := s.Lock(id); known {
		if l.Name != c.Name || x.Node != c.Node {
			o.Verdict = refuse(core.CodeBadInput, "session %x is about lock %q, behind %s", id, l.Name, s.nameOf(core.NodeID(x.Node)))
		}
		return
	}
	l := &wire.Lock{Name: c.Name}
	if i, held := s.findLock(c.Name); held {
		l = proto.CloneOf(s.locks[i])
	}
	x := &wire.LockSession{Session: c.Session, Node: c.Node, Shared: c.Shared, SinceNanos: s.wall}
	switch {
	case !c.Wait && !admits(l, x):
		o.Verdict = refuse(core.CodeNo, "lock %q is held, behind %s", c.Name, s.nameOf(core.NodeID(l.Sessions[0].Node)))
		return
	case len(s.sessions) >= MaxLockSessions:
		o.Verdict = refuse(core.CodeBusy, "%d clients have locks or wait for one: no more are taken", len(s.sessions))
		return
	}
	l.Sessions = append(l.Sessions, x)
	s.sessions[id] = c.Name
	s.keepLock(o, l)
}

// releaseLock ends a session; who waited first is next. One that nobody knows, or
// that is behind another member, has ended.
func (s *State) releaseLock(o *Outcome, c *wire.ReleaseLock) {
	if len(c.GetSession()) != len(LockSession{}) {
		o.Verdict = refuse(core.CodeBadInput, "a lock's session of %d bytes", len(c.GetSession()))
		return
	}
	if l, x, known := s.Lock(LockSession(c.Session)); known && (c.Lost || x.Node == c.Node) {
		l = proto.CloneOf(l)
		s.endSessions(o, l, func(x *wire.LockSession) bool { return string(x.Session) == string(c.Session) })
	}
}

// endWaiting takes the clients of a member that is gone out of all queues, so
// that no lock is given to them. What they have they keep: whether they are gone,
// too, only the end of their lease tells.
func (s *State) endWaiting(o *Outcome, node core.NodeID) {
	gone := func(x *wire.LockSession) bool { return core.NodeID(x.Node) == node && x.Fence == 0 }
	for _, l := range s.Locks() {
		if slices.ContainsFunc(l.Sessions, gone) {
			s.endSessions(o, proto.CloneOf(l), gone)
		}
	}
}

// endSessions takes sessions out of a lock, which is the caller's own copy.
func (s *State) endSessions(o *Outcome, l *wire.Lock, gone func(*wire.LockSession) bool) {
	for _, x := range l.Sessions {
		if gone(x) {
			delete(s.sessions, LockSession(x.Session))
		}
	}
	l.Sessions = slices.DeleteFunc(l.Sessions, gone)
	s.keepLock(o, l)
}

// keepLock gives the lock to whoever may have it now, in the order of asking,
// and puts the record in its place. The command's position is the fence of
// whoever gets it: more than one do so only as they share it.
func (s *State) keepLock(o *Outcome, l *wire.Lock) {
	for i, x := range l.Sessions {
		if x.Fence != 0 {
			continue
		}
		if !admits(&wire.Lock{Sessions: l.Sessions[:i]}, x) {
			break
		}
		x.Fence, x.SinceNanos = uint64(o.Fence), s.wall
	}
	o.Locked = true
	i, known := s.findLock(l.Name)
	switch {
	case len(l.Sessions) == 0 && known:
		s.locks = slices.Delete(slices.Clone(s.locks), i, i+1)
	case len(l.Sessions) == 0:
	case known:
		s.locks[i] = l
	default:
		s.locks = slices.Insert(s.locks, i, l)
	}
}

// admits says whether a session may have a lock beside and behind those that are
// in it: if there are none, or if all of them have it and share it with others
// of the same member, as it does.
func admits(l *wire.Lock, x *wire.LockSession) bool {
	return !slices.ContainsFunc(l.Sessions, func(y *wire.LockSession) bool {
		return y.Fence == 0 || !y.Shared || !x.Shared || y.Node != x.Node
	})
}

// loadLock takes a record from outside.
func (s *State) loadLock(l *wire.Lock) error {
	if n := len(s.locks); n > 0 && s.locks[n-1].Name >= l.Name {
		return fmt.Errorf("lock %q is out of order", l.Name)
	}
	s.locks = append(s.locks, l)
	for _, x := range l.Sessions {
		if len(x.Session) != len(LockSession{}) {
			return fmt.Errorf("lock %q has a session of %d bytes", l.Name, len(x.Session))
		}
		s.sessions[LockSession(x.Session)] = l.Name
	}
	return nil
}

// checkLocks is the part of Check about locks: nobody waits who could have one,
// nobody has one beside another but those who share it.
func (s *State) checkLocks() error {
	sessions := 0
	for i, l := range s.locks {
		if len(l.Sessions) == 0 || l.Name == "" || i > 0 && s.locks[i-1].Name >= l.Name {
			return fmt.Errorf("lock %q is held by nobody, or out of order", l.Name)
		}
		for k, x := range l.Sessions {
			sessions++
			ahead := &wire.Lock{Sessions: l.Sessions[:k]}
			switch {
			case x.Node == 0 || s.sessions[LockSession(x.Session)] != l.Name:
				return fmt.Errorf("lock %q has a session %x that the index does not know", l.Name, x.Session)
			case (x.Fence != 0) != admits(ahead, x):
				return fmt.Errorf("lock %q: session %x has fence %d behind %d others", l.Name, x.Session, x.Fence, k)
			case core.Fence(x.Fence).Index() > s.applied:
				return fmt.Errorf("lock %q speaks of index %d, applied is %d", l.Name, core.Fence(x.Fence).Index(), s.applied)
			}
		}
	}
	if sessions != len(s.sessions) {
		return fmt.Errorf("%d sessions are in locks, %d in the index", sessions, len(s.sessions))
	}
	return nil
}
