package daemon

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"hb/core"
	"hb/core/control"
	"hb/core/node"
	"hb/core/store"
	"hb/netutil"
)

const (
	// farewell is how long the last frames may take to leave.
	farewell = 500 * time.Millisecond
	// closing is how long clients may take to hear their last answer.
	closing = time.Second
	// headerTime is how long a client may take to say what it wants: far less
	// than the next one waits when all places are taken by such that do not.
	headerTime = 3 * time.Second
)

// daemon is a node with the world around it.
type daemon struct {
	options     Options
	machine     machine
	disk        disk
	files       store.FS
	queue       *queue
	network     *network
	tasks       *tasks
	nothing     *nothing // in the place of tasks; nil: tasks run
	socket      net.Listener
	scraped     net.Listener // of metrics; nil: they are on the socket only
	figures     *figures
	gate        atomic.Pointer[gate]
	seeds       atomic.Pointer[[]string]
	herald      herald
	logger      *logger
	knocks      knocks       // of machines that were not let in
	credentials *credentials // nil: none
	writer      *diskWriter
	requests    atomic.Uint64
	held        atomic.Int64 // bytes of replies that wait for clients
	group       sync.WaitGroup
	ctx         context.Context // ends when the loop has
	quit        context.CancelFunc
}

// Run runs one node until ctx ends (then it shuts down in order), until it has
// left its cluster, or until it cannot go on. It gives nil or a *core.Fault.
func Run(ctx context.Context, o Options) error {
	frugalMemory()
	d, fault := open(o)
	if fault == nil {
		fault = d.run(ctx)
	}
	if fault == nil {
		return nil // and not a nil pointer in an error
	}
	return fault
}

// run serves until the machine stops, then ends everything in an order in which
// nothing that was promised is lost.
func (d *daemon) run(ctx context.Context) *core.Fault {
	var logging, writing sync.WaitGroup
	logging.Go(func() { d.logger.run(d.options.Log) })
	writing.Go(d.writer.run)
	d.network.serve(d.ctx, d.group.Go)
	server, scraped := d.serveClients(), d.serveMetrics()
	p := newPace()
	d.group.Go(func() { d.measure(p) })
	if d.nothing != nil {
		d.group.Go(func() { d.nothing.run(d.queue.tell) })
	} else {
		go d.tasks.keep()
	}
	d.group.Go(func() { d.announce(ctx) })
	d.herald.follow(ctx)

	l := &loop{
		machine: d.machine, now: now, at: now(), queue: d.queue, clients: clients{}, longest: d.herald.longest(),
		carry: d.carry, flush: d.network.pool.Flush, seen: d.tasks.seen, stepped: p.step, late: d.figures.woke, turned: d.herald.turn,
	}
	l.step(node.Clock{Offset: wallOffset()}) // before anything has a time
	fault := l.run(ctx)

	d.herald.stopping()
	for id := range l.clients {
		l.clients.drop(id)
	}
	var late sync.WaitGroup
	over := make(chan struct{})
	late.Go(func() { d.queue.turnAway(over) })
	d.quit()
	d.writer.box.close()
	writing.Wait()
	closeServer(server)
	closeServer(scraped)
	if d.nothing != nil {
		d.nothing.box.close()
	} else {
		d.tasks.end(fault == nil && !restarting(ctx))
	}
	d.network.closePools(farewell)
	d.network.close()
	d.group.Wait()
	close(over)
	late.Wait()
	d.logger.box.close()
	logging.Wait()
	return fault
}

// ErrRestart, as the cause of the end of Run's context, says that the node will
// soon be started again: its tasks go on meanwhile.
var ErrRestart = errors.New("the node is started again")

func restarting(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrRestart) }

// carry carries out one effect, without waiting for it.
func (d *daemon) carry(f node.Effect) {
	if d.nothing != nil && d.nothing.carry(f) {
		return
	}
	switch f := f.(type) {
	case node.SendDatagram:
		d.network.send(f.To, f.Data)
	case node.SendBeacon:
		d.network.sendBeacon(f.Data)
	case node.SendFrame:
		d.network.sendFrame(f)
	case node.Bar:
		d.network.bar(f.Node)
	case node.SaveCertificate:
		d.group.Go(func() {
			if err := d.credentials.renew(d.options.DataDir, f.Certificate); err != nil {
				d.logger.line(true, fmt.Sprintf("the node's next certificate cannot be kept: %v", err))
			}
		})
	case node.SaveIdentity:
		d.tasks.id = core.NodeID(f.Identity.GetNode())
		d.writer.box.put(f)
	case node.SaveSnapshot:
		d.saveSnapshot(f)
	case node.DecodeSnapshot:
		d.group.Go(func() { d.queue.tell(f.Decode()) })
	case node.SetAside:
		d.credentials.drop(d.options.DataDir, d.logger.line)
		d.writer.box.put(f)
	case node.Append, node.Journal:
		d.writer.box.put(f)
	case node.Exec:
		d.tasks.exec(f)
	case node.Recall:
		d.tasks.recall(f.Fence)
	case node.Renew:
		d.tasks.renew(f)
	case node.Terminate:
		d.tasks.terminate(f)
	case node.Adopt:
		d.tasks.adopt(f)
	case node.Disown:
		d.tasks.disown(f.Fence)
	case node.Release:
		d.tasks.release(f.Fence)
	case node.ReadSpool:
		d.tasks.read(f)
	case node.DropSpool:
		d.tasks.drop(f.Fence)
	case node.ResolveSeeds:
		d.group.Go(d.resolve)
	case node.LogLine:
		d.logger.line(f.Warn, f.Text)
	default:
		panic(fmt.Sprintf("an effect that nobody carries out: %T %+v", f, f))
	}
}

// saveSnapshot hands a snapshot to the writer. This node's own is encoded and
// written first, which may take as long as thousands of steps, beside the loop and
// the writer: entries go on being committed meanwhile.
func (d *daemon) saveSnapshot(f node.SaveSnapshot) {
	if f.Ledger == nil {
		d.writer.box.put(f)
		return
	}
	d.group.Go(func() {
		draft, err := store.NewDraft(d.files, snapshotOf(f).Metadata, f.Ledger)
		switch {
		case err == nil:
			d.writer.box.put(drafted{f, draft})
		case errors.Is(err, store.ErrFull):
			d.writer.box.put(f) // the writer has the patience
		default:
			d.queue.tell(node.DiskFailed{Err: err})
		}
	})
}

// resolve answers ResolveSeeds.
func (d *daemon) resolve() {
	addrs, failed := resolve(d.ctx, *d.seeds.Load())
	if len(failed) > 0 && d.ctx.Err() == nil {
		d.logger.line(true, fmt.Sprintf("no address is known for the seeds %v", failed))
	}
	d.queue.tell(node.Seeds{Addrs: addrs})
}

// measure brings the machine's load and clock.
func (d *daemon) measure(p *pace) {
	s, err := newSampler(&d.tasks.own)
	if err != nil {
		d.logger.line(true, fmt.Sprintf("the load of this machine cannot be measured: %v", err))
		return
	}
	defer s.close()
	if s.dev = d.options.Dev; !s.dev {
		s.strength = knownStrength(d.options.DataDir)
	}
	var r *rest
	if d.options.Alone {
		_ = netutil.RelaxThreads(netutil.WatchSlack) // it is no harm where that is not allowed
		r = newRest()
	}
	s.run(d.ctx.Done(), p, r, d.queue.tell, wallOffset)
}

// announce calls Ready once the node answers. From then on the service manager is
// told how it fares, and the configuration can be read again.
func (d *daemon) announce(ctx context.Context) {
	status, ok := d.status(ctx)
	if !ok {
		return // it stops already
	}
	if d.options.Ready != nil {
		d.options.Ready(Info{
			Socket: d.options.Socket, Addr: d.options.Advertise, DataDir: d.options.DataDir,
			Node: status.ID, Name: status.Name, Cluster: status.Cluster.ID,
		})
	}
	if line := statusLine(status); d.options.Notify != nil {
		d.herald.ready(line)
		d.group.Go(func() { d.keepStatus(ctx, line) })
	}
	d.keepReloading(d.tasks.may)
}

// status asks the node; false when it stops.
func (d *daemon) status(ctx context.Context) (node.StatusView, bool) {
	reply, ok := <-d.Ask(ctx, node.GetStatus{})
	status, is := reply.Body.(node.StatusView)
	return status, ok && is
}

// serveClients serves the local API.
func (d *daemon) serveClients() *http.Server {
	server := &http.Server{
		Handler:           control.NewServer(d),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       30 * time.Second,
		ErrorLog:          log.New(&complaints{log: d.logger.line, told: strangers{}}, "", 0),
	}
	who := func(conn net.Conn) control.Caller { return d.gate.Load().judge(conn) }
	control.Guard(server, who)
	socket := control.Limit(server, d.socket, min(max(netutil.OpenFiles()/4, fewestClients), mostClients), who)
	socket = control.Quicken(server, d, socket, d.group.Go)
	d.group.Go(func() {
		err := server.Serve(socket)
		if !errors.Is(err, http.ErrServerClosed) && d.ctx.Err() == nil {
			d.logger.line(true, fmt.Sprintf("the local socket is not served any more: %v", err))
		}
	})
	return server
}

// closeServer lets clients hear their last answer, within reason.
func closeServer(server *http.Server) {
	late, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	if server.Shutdown(late) != nil {
		server.Close()
	}
}

// now reads the machine's clock, the only one the node goes by.
func now() core.Instant { return core.Instant(netutil.BootClock()) }

// wallOffset is the wall clock minus the machine's.
func wallOffset() time.Duration { return time.Duration(time.Now().UnixNano()) - netutil.BootClock() }
