package netutil

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	dialTimeout  = 2 * time.Second
	firstBackoff = 20 * time.Millisecond
	// lastBackoff is short: a restarted peer is granted tasks as soon as it is
	// agreed up, and a dial to a host that refuses costs next to nothing.
	lastBackoff = 250 * time.Millisecond
	// stallLimit is how long a peer may take nothing before its stream is given
	// up. It is far beyond what detectors need, and below a human's patience.
	stallLimit = 10 * time.Second
	// idleLimit closes streams that nobody uses; the next frame dials again.
	idleLimit = 2 * time.Minute
	// answerIdle is the same for answers to strangers, who ask once.
	answerIdle = 5 * time.Second
	// queueLimit bounds what waits for one address: what the consensus engine
	// may have in flight to one peer, so that only a stuck peer reaches it.
	queueLimit = 32 << 20
	// batchLimit bounds one write, so that a stall is noticed between writes.
	batchLimit = 1 << 20
)

// Pool sends frames to addresses, over one stream each, and never makes the
// sender wait.
type Pool struct {
	lost  func(to netip.AddrPort, refused bool)
	guard *Guard        // nil: no TLS
	most  int           // addresses at a time; 0: any number
	idle  time.Duration // after which one is forgotten
	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu      sync.Mutex
	peers   map[destination]*outgoing
	queued  []*outgoing // have frames that wait for Flush
	joined  []byte      // what Flush writes, laid out
	closing bool
}

// destination is where frames go, and whose they are: nobody else's who answers there;
// with a zero key, whoever's.
type destination struct {
	addr netip.AddrPort
	key  PeerKey
}

// outgoing is the stream to one destination. Below wake everything belongs to
// Pool.mu; the goroutine of run owns the connection, and lets Flush write to it
// while it does not.
type outgoing struct {
	to   destination
	wake chan struct{}

	queue    [][]byte
	bytes    int
	overflow bool   // frames were dropped since the last report
	listed   bool   // in Pool.queued
	direct   direct // how Flush writes
}

// NewPool makes a pool whose streams a guard seals. It calls lost, from
// goroutines of its own, whenever frames sent to an address may not arrive;
// refused says that the address's host answered that nobody is there, or that
// its side ended the stream, as a host does for a process that died.
func NewPool(guard *Guard, lost func(to netip.AddrPort, refused bool)) *Pool {
	ctx, stop := context.WithCancel(context.Background())
	return &Pool{lost: lost, guard: guard, idle: idleLimit, ctx: ctx, stop: stop, peers: map[destination]*outgoing{}}
}

// NewAnswers makes a pool for answers to strangers, at addresses that they say
// themselves. It sends to at most so many addresses at a time, forgets each as
// soon as it can, and drops frames to more without a word: otherwise whoever
// names thousands of addresses that swallow everything would take all files
// that the process may open. What it sends reaches those, too, that are barred:
// it is how they are told.
func NewAnswers(guard *Guard, most int, lost func(to netip.AddrPort, refused bool)) *Pool {
	p := NewPool(guard, lost)
	p.most, p.idle = most, answerIdle
	return p
}

// Send queues a frame, which belongs to the pool from then on. Frames to one
// address arrive in order, or not at all: then lost is called.
func (p *Pool) Send(to netip.AddrPort, frame []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.queue(destination{addr: to}, frame); o != nil {
		o.nudge()
	}
}

// Queue is Send of a frame that may wait for the next Flush, and for others. With a
// key it is for the peer whose key that is, and arrives only if that one answers at
// the address; such frames have a stream of their own. Without a Guard the key must
// be zero.
func (p *Pool) Queue(to netip.AddrPort, key PeerKey, frame []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.queue(destination{to, key}, frame); o != nil && !o.listed {
		o.listed = true
		p.queued = append(p.queued, o)
	}
}

func (p *Pool) queue(to destination, frame []byte) *outgoing {
	if p.closing {
		return nil
	}
	o := p.peers[to]
	if o == nil {
		if p.most > 0 && len(p.peers) >= p.most {
			return nil
		}
		o = &outgoing{to: to, wake: make(chan struct{}, 1)}
		p.peers[to] = o
		p.wg.Go(func() { p.run(o) })
	}
	if o.bytes+len(frame) > queueLimit || len(frame) > MaxFrame {
		o.overflow = true
	} else {
		o.queue = append(o.queue, frame)
		o.bytes += len(frame)
	}
	return o
}

// Close sends what is queued, for at most the grace given, and ends every
// stream.
func (p *Pool) Close(grace time.Duration) {
	p.mu.Lock()
	p.closing = true
	for _, o := range p.peers {
		o.nudge()
	}
	p.mu.Unlock()
	late := time.AfterFunc(grace, p.stop)
	p.wg.Wait()
	late.Stop()
	p.stop()
}

func (o *outgoing) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run sends the frames of one address until nobody uses it any more.
func (p *Pool) run(o *outgoing) {
	var s stream
	defer func() { p.close(o, &s) }()
	idle := time.NewTimer(p.idle)
	defer idle.Stop()
	for {
		if p.overflowed(o) {
			p.lost(o.to.addr, false)
		}
		rest, batch, more := p.take(o)
		switch {
		case len(rest)+len(batch) > 0:
			if !p.deliver(o, &s, rest, batch) && p.most > 0 && p.forget(o) {
				return
			}
			idle.Reset(p.idle)
			continue
		case !more:
			return
		}
		select {
		case <-o.wake:
		case err := <-s.ended:
			p.close(o, &s)
			p.lost(o.to.addr, isRefusal(err))
		case <-idle.C:
			if !p.usedDirectly(o) {
				p.close(o, &s)
				if p.forget(o) {
					return
				}
			}
			idle.Reset(p.idle)
		case <-p.ctx.Done():
			return
		}
	}
}

// deliver writes a batch, dialling first when there is no stream. What cannot
// be written is dropped, together with what queued up meanwhile: it would be
// stale, and the protocols above send anew.
func (p *Pool) deliver(o *outgoing, s *stream, rest []byte, batch [][]byte) (written bool) {
	if err, broke := s.brokeOff(); broke {
		p.close(o, s)
		p.lost(o.to.addr, isRefusal(err))
		rest = nil // of a frame that the next stream knows nothing of
	}
	if p.guard.past(s.stale) {
		p.replace(o, s, rest)
		rest = nil
	}
	err := p.open(s, o.to)
	if err == nil {
		err = s.write(rest, batch)
	}
	if err == nil {
		s.backoff = 0
		p.lend(o, s)
		return true
	}
	p.close(o, s)
	p.drop(o)
	p.lost(o.to.addr, isRefusal(err))
	s.backoff = min(max(2*s.backoff, firstBackoff), lastBackoff)
	select {
	case <-time.After(s.backoff):
	case <-p.ctx.Done():
	}
	return false
}

// take gives the next frames to write, behind what Flush has left of others,
// and keeps Flush off the stream if there is any; more is false when the pool is
// closing and nothing is left.
func (p *Pool) take(o *outgoing) (rest []byte, batch [][]byte, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rest = o.direct.rest; len(o.queue) > 0 || len(rest) > 0 {
		o.direct = direct{}
	}
	size, n := 0, 0
	for n < len(o.queue) && (n == 0 || size+len(o.queue[n]) <= batchLimit) {
		size += len(o.queue[n])
		n++
	}
	batch, o.queue = o.queue[:n:n], o.queue[n:]
	o.bytes -= size
	if len(o.queue) == 0 {
		o.queue = nil
	}
	return rest, batch, !p.closing && p.ctx.Err() == nil
}

func (p *Pool) overflowed(o *outgoing) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := o.overflow
	o.overflow = false
	return was
}

func (p *Pool) drop(o *outgoing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.queue, o.bytes = nil, 0
}

// forget takes an address nobody sends to out of the pool.
func (p *Pool) forget(o *outgoing) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(o.queue) > 0 {
		return false
	}
	delete(p.peers, o.to)
	return true
}
