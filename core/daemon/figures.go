package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/control"
	"hb/core/metric"
)

// figures is what the driver counts, in any goroutine, since it started.
type figures struct {
	datagramsIn, datagramsOut, framesIn, framesOut traffic
	lost                                           atomic.Uint64 // datagrams that found the queue full
	log, journal                                   *metric.Histogram
	pauses, paused                                 atomic.Int64 // how often, and nanoseconds
}

func newFigures() *figures {
	ms := time.Millisecond
	syncs := func() *metric.Histogram {
		return metric.NewHistogram(ms/4, ms/2, ms, 2*ms, 4*ms, 8*ms, 16*ms, 32*ms, 64*ms, 128*ms, 256*ms, 512*ms, 1024*ms, 4096*ms)
	}
	return &figures{log: syncs(), journal: syncs()}
}

// traffic is what went one way.
type traffic struct{ packets, bytes atomic.Uint64 }

func (t *traffic) add(bytes int) {
	t.packets.Add(1)
	t.bytes.Add(uint64(bytes))
}

// pauseOf is how late the loop wakes up at least for that to count as a pause: of the
// process, or of its whole machine. A heartbeat of the engine comes every 130 ms.
const pauseOf = 250 * time.Millisecond

// woke is told how late the loop woke up.
func (f *figures) woke(late time.Duration) {
	if late >= pauseOf {
		f.pauses.Add(1)
		f.paused.Add(int64(late))
	}
}

// timed counts how long a sync takes.
func timed(h *metric.Histogram, sync func() error) error {
	begun := now()
	err := sync()
	h.Add(now().Sub(begun))
	return err
}

// Figures are those of the process, its disk and its network.
func (d *daemon) Figures() []metric.Family {
	f := d.figures
	both := func(name, help string, in, out *atomic.Uint64) metric.Family {
		return metric.By(name, help, "counter", "direction", []string{"in", "out"}, map[string]uint64{"in": in.Load(), "out": out.Load()})
	}
	families := []metric.Family{
		both("hb_datagrams_total", "Datagrams, beacons among them.", &f.datagramsIn.packets, &f.datagramsOut.packets),
		both("hb_datagram_bytes_total", "Bytes of datagrams, without headers.", &f.datagramsIn.bytes, &f.datagramsOut.bytes),
		both("hb_frames_total", "Frames on streams between members.", &f.framesIn.packets, &f.framesOut.packets),
		both("hb_frame_bytes_total", "Bytes of frames on streams between members.", &f.framesIn.bytes, &f.framesOut.bytes),
		metric.Counter("hb_datagrams_lost_total", "Datagrams that came while the node was too busy to take them.", float64(f.lost.Load())),
		f.log.Family("hb_log_sync_seconds", "How long it takes until a write to the log is on disk."),
		f.journal.Family("hb_journal_sync_seconds", "How long it takes until a write to the journal of tasks is on disk."),
		metric.Counter("hb_pauses_total", "Times that this node, or its machine, stood still for a quarter of a second or longer.", float64(f.pauses.Load())),
		metric.Counter("hb_paused_seconds_total", "How long it stood still in all.", time.Duration(f.paused.Load()).Seconds()),
		metric.By("hb_queue_length", "What waits for the node's loop (it holds 1024) and for its disk.", "gauge", "queue",
			[]string{"events", "disk"}, map[string]int{"events": len(d.queue.in), "disk": d.writer.box.len()}),
		metric.Gauge("go_goroutines", "Goroutines of the node.", float64(runtime.NumGoroutine())),
	}
	return append(append(families, diskFigures(d.options.DataDir)...), processFigures()...)
}

// diskFigures are about the file system that the data directory is on.
func diskFigures(dir string) []metric.Family {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return nil
	}
	return []metric.Family{
		metric.Gauge("hb_disk_free_bytes", "Free bytes of the file system that the data directory is on.", float64(st.Bavail)*float64(st.Bsize)),
		metric.Gauge("hb_disk_size_bytes", "Size of that file system.", float64(st.Blocks)*float64(st.Bsize)),
	}
}

// processFigures are those that Prometheus' own clients have, under their names.
func processFigures() []metric.Family {
	self, err := procfs.Self()
	if err != nil {
		return nil
	}
	var families []metric.Family
	if st, err := self.Stat(); err == nil {
		families = append(families,
			metric.Counter("process_cpu_seconds_total", "Processor time of the node, without its tasks.", st.CPUTime()),
			metric.Gauge("process_resident_memory_bytes", "Memory of the node that is in use, without its tasks.", float64(st.ResidentMemory())),
			metric.Gauge("process_virtual_memory_bytes", "Address space of the node.", float64(st.VirtualMemory())))
		if at, err := st.StartTime(); err == nil {
			families = append(families, metric.Gauge("process_start_time_seconds", "Unix time at which the node started.", at))
		}
	}
	if n, err := self.FileDescriptorsLen(); err == nil {
		families = append(families, metric.Gauge("process_open_fds", "Files that the node has open.", float64(n)))
	}
	if l, err := self.Limits(); err == nil {
		families = append(families, metric.Gauge("process_max_fds", "Files that it may have open.", float64(l.OpenFiles)))
	}
	return families
}

// mostScrapers is how many connections may ask for metrics over HTTP at a time.
const mostScrapers = 16

// openMetrics opens what Prometheus may ask over HTTP, if that is wanted.
func (d *daemon) openMetrics() *core.Fault {
	at := d.options.Metrics
	if !at.IsValid() {
		return nil
	}
	if !at.Addr().IsLoopback() {
		return core.Faultf(core.CodeConfig, "metrics may be served on loopback only, not on %v: there is no asking who comes", at)
	}
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return metricsFault(at, err)
	}
	d.scraped = l
	return nil
}

func metricsFault(at netip.AddrPort, err error) *core.Fault {
	if errors.Is(err, syscall.EADDRINUSE) {
		return core.Faultf(core.CodeIO, "cannot serve metrics on port %v: it is in use", at).
			WithHint("name another in [metrics] listen")
	}
	return core.Faultf(core.CodeIO, "cannot serve metrics on %v: %v", at, err)
}

// serveMetrics serves it until the node ends.
func (d *daemon) serveMetrics() *http.Server {
	server := &http.Server{Handler: control.NewMetrics(d), ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	if d.scraped == nil {
		return server
	}
	l := control.Limit(server, d.scraped, mostScrapers, nil)
	d.group.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) && d.ctx.Err() == nil {
			d.logger.line(true, fmt.Sprintf("metrics are not served any more: %v", err))
		}
	})
	return server
}
