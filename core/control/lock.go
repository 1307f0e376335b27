package control

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// Lock is a line of the shape hb.lock/1: how a client stands to its lock.
type Lock struct {
	Schema string `json:"schema"`
	// Held says that the client has the lock; else it waits.
	Held  bool    `json:"held"`
	Fence *string `json:"fence"`
	// Until is up to when it is held, unless a later line says more: nanoseconds
	// of CLOCK_BOOTTIME on this machine, so that no delay between node and client
	// matters; Left is how far off that was when the line was written.
	Until *string  `json:"until_boottime_nanoseconds"`
	Left  *float64 `json:"left_seconds"`
}

// Instant is Until as a time.
func (l *Lock) Instant() core.Instant {
	if l.Until == nil {
		return 0
	}
	n, err := strconv.ParseInt(*l.Until, 10, 64)
	if err != nil {
		return 0
	}
	return core.Instant(n)
}

// Locks is the shape hb.locks/1: what this node has applied, by name.
type Locks struct {
	Schema string       `json:"schema"`
	Locks  []LockRecord `json:"locks"`
}

// LockRecord is a lock that somebody has.
type LockRecord struct {
	Name     string        `json:"name"`
	Sessions []LockSession `json:"sessions"` // in the order of asking
}

// LockSession is a client that has a lock, or waits for it.
type LockSession struct {
	Session string    `json:"session"`
	Node    string    `json:"node"` // behind whose socket it is
	Held    bool      `json:"held"`
	Fence   *string   `json:"fence"`
	Since   time.Time `json:"since"`
}

// NewLock is what a client wants: the body of POST /v1/locks and, without a
// name, of POST /v1/leader/run.
type NewLock struct {
	Name string `json:"name,omitempty"`
	// Session is 32 hexadecimal digits, drawn by the client (MintSession). The
	// same again is the same wish, so that a client can come back to it.
	Session string `json:"session"`
	Wait    bool   `json:"wait"`
}

// MintSession draws the name of a client's session.
func MintSession() string {
	var id ledger.LockSession
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

func parseSession(word string) (id ledger.LockSession, err error) {
	b, err := hex.DecodeString(word)
	if err != nil || len(b) != len(id) {
		return id, core.Faultf(core.CodeUsage, "session %q: %d hexadecimal digits are meant", word, 2*len(id))
	}
	return ledger.LockSession(b), nil
}

// lock streams how a client stands to a lock; the lock is let go when it goes.
func (s server) lock(r *http.Request) (node.Request, func(any) any, error) {
	var want NewLock
	if err := decode(r, &want); err != nil {
		return nil, nil, err
	}
	if want.Name == "" || len(want.Name) > ledger.MaxLockName {
		return nil, nil, core.Faultf(core.CodeUsage, "lock %q: a name of 1 to %d bytes is meant", want.Name, ledger.MaxLockName)
	}
	return hold(want, false)
}

// leaderRun streams how long a client may run because this node leads.
func (s server) leaderRun(r *http.Request) (node.Request, func(any) any, error) {
	var want NewLock
	if err := decode(r, &want); err != nil {
		return nil, nil, err
	}
	if want.Name != "" {
		return nil, nil, core.Faultf(core.CodeUsage, "leadership has no other name: %q", want.Name)
	}
	return hold(want, true)
}

func hold(want NewLock, leader bool) (node.Request, func(any) any, error) {
	id, err := parseSession(want.Session)
	if err != nil {
		return nil, nil, err
	}
	line := func(body any) any {
		if v, is := body.(node.LockView); is {
			return lockOf(v)
		}
		return nil
	}
	ask := node.HoldLock{Session: id, Name: want.Name, Wait: want.Wait, Leader: leader}
	if err := wire.CheckText(&wire.Lock{Name: want.Name}); err != nil {
		return nil, nil, core.Faultf(core.CodeUsage, "the lock's %v", err)
	}
	return ask, line, nil
}

func lockOf(v node.LockView) Lock {
	l := Lock{Schema: "hb.lock/1", Held: v.Held}
	if v.Held {
		left := v.Left.Seconds()
		l.Fence, l.Until, l.Left = known(number(uint64(v.Fence)), true), known(strconv.FormatInt(int64(v.Until), 10), true), &left
	}
	return l
}

// sessionBody is what POST /v1/locks/release takes.
type sessionBody struct {
	Session string `json:"session"`
}

func (s server) releaseLock(r *http.Request) (any, error) {
	var want sessionBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	id, err := parseSession(want.Session)
	if err != nil {
		return nil, err
	}
	return one[empty](r.Context(), s, node.EndLock{Session: id})
}

func (s server) locks(r *http.Request) (any, error) {
	v, err := one[node.LocksView](r.Context(), s, node.ListLocks{})
	if err != nil {
		return nil, err
	}
	who := s.names(r.Context())
	out := Locks{Schema: "hb.locks/1", Locks: []LockRecord{}}
	for _, l := range v.Locks {
		rec := LockRecord{Name: l.Name}
		for _, x := range l.Sessions {
			rec.Sessions = append(rec.Sessions, LockSession{
				Session: hex.EncodeToString(x.Session), Node: who.of(core.NodeID(x.Node)), Held: x.Fence != 0,
				Fence: known(number(x.Fence), x.Fence != 0), Since: time.Unix(0, x.SinceNanos).UTC(),
			})
		}
		out.Locks = append(out.Locks, rec)
	}
	return out, nil
}

// Locks lists the locks that somebody has.
func (c *Client) Locks(ctx context.Context) (*Locks, error) { return get[Locks](ctx, c, "/v1/locks") }

// Lock asks for a lock, or without a name for leadership, and hands on how the
// client stands to it, over restarts of the node, until the context ends or a
// fault says that it is over.
func (c *Client) Lock(ctx context.Context, want NewLock, each func(*Lock) error) error {
	path := "/v1/locks"
	if want.Name == "" {
		path = "/v1/leader/run"
	}
	body, err := json.Marshal(want)
	if err != nil {
		return core.Faultf(core.CodeInternal, "%v", err)
	}
	f := follower{client: c, method: http.MethodPost, body: body, path: func() string { return path }}
	return f.run(ctx, func(line []byte) error {
		var l Lock
		if err := json.Unmarshal(line, &l); err != nil {
			return err
		}
		return each(&l)
	})
}

// ReleaseLock lets go of a lock, and returns when nobody thinks any more that
// this client has it.
func (c *Client) ReleaseLock(ctx context.Context, session string) error {
	_, err := persist(ctx, c, func() (*empty, error) {
		return post[empty](ctx, c, "/v1/locks/release", map[string]string{"session": session})
	})
	return err
}
