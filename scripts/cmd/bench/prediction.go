package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hb/core/control"
)

// predicted holds real clusters of so many nodes against what `hb simulate
// detectors` says of the same configuration: how soon a killed and a silent
// member are suspected, first called dead, and dead everywhere, and what an idle
// member sends. Medians are compared, with the share by which chance may have moved
// the measured one (half of its 95 % interval).
//
// What belongs to the machine is measured on it in the same run and handed to the
// simulator: how long a datagram takes from process to process (--delay), how long
// a processor is busy with it (--handling: all nodes share the machine), how long
// the system takes to end a killed process (--exit), and how many others have a
// stream to it (--streams).
func predicted(size int) func(*bench, context.Context) ([]row, error) {
	return func(b *bench, ctx context.Context) ([]row, error) {
		config := filepath.Join(b.dir, "predicted.toml")
		if err := os.WriteFile(config, []byte("[detector]\nkind = \"swim\"\n"), 0o600); err != nil {
			return nil, err
		}
		var watches []*watch
		for range max(1, sideBySide/size) {
			nodes, end, err := b.cluster(size)
			if err != nil {
				return nil, err
			}
			defer end()
			watches = append(watches, &watch{ctx: ctx, nodes: nodes, cursors: map[*instance]string{}})
		}
		rows, handling, err := b.traffic(ctx, config, size, watches)
		if err != nil {
			return nil, err
		}
		for _, w := range []way{
			{"killed", (*instance).kill, (*instance).start, &sync.Mutex{}},
			{"silent", (*instance).freeze, (*instance).thaw, nil},
		} {
			seen, err := crashes(watches, b.crashes, w)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			delay, flags := watches[0].oneWay(), []string(nil)
			name := fmt.Sprintf("%d nodes, one %s: ", size, w.name)
			if w.alone != nil {
				exit := middleOf(seen.ending)
				flags = []string{"--refuse", "--exit", time.Duration(exit * float64(time.Second)).String(), "--streams", strconv.Itoa(int(middleOf(seen.streams) + 0.5))}
				rows = append(rows, row{name + "the system ends its streams", fmt.Sprintf("%.3g s (%.3g streams to it)", exit, middleOf(seen.streams)), "", true})
			}
			if handling > 0 {
				flags = append(flags, "--processors", strconv.Itoa(runtime.NumCPU()), "--handling", handling.String())
			}
			p, err := b.predict(ctx, config, size, delay, flags...)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row{name + "a datagram takes", short(delay), "", true})
			rows = append(rows, seen.beside(p, name)...)
		}
		return rows, nil
	}
}

// way is a way for a node to crash, and to come back.
type way struct {
	name        string
	take, bring func(*instance) error
	// alone, if any, is held during a crash: it is over in some milliseconds, in
	// which nothing else is to happen on the machine.
	alone *sync.Mutex
}

const (
	// sideBySide is how many nodes run at once, as several clusters.
	sideBySide = 60
	// quiet is how long a cluster is left alone before each crash.
	quiet = 5 * time.Second
	// undisturbed is how long nobody is asked after a crash: what nodes tell has
	// its time with it, and answering would delay it.
	undisturbed = 300 * time.Millisecond
)

// crashes lets one node of each cluster crash, again and again, until there were so
// many.
func crashes(watches []*watch, times int, how way) (*sightings, error) {
	var all sightings
	for len(all.first) < times {
		parts, faults := make([]sightings, len(watches)), make([]error, len(watches))
		var group sync.WaitGroup
		for i, w := range watches {
			group.Go(func() { faults[i] = w.round(&parts[i], how) })
		}
		group.Wait()
		for i, p := range parts {
			if faults[i] != nil {
				return nil, faults[i]
			}
			all.add(p)
		}
	}
	return &all, nil
}

// round lets one node of a quiet cluster crash, and brings it back.
func (w *watch) round(seen *sightings, how way) error {
	if err := settled(w.ctx, w.nodes); err != nil {
		return err
	}
	select {
	case <-time.After(quiet):
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	victim := w.nodes[rand.IntN(len(w.nodes))]
	<-time.After(rand.N(time.Second)) // at any time of a period
	if err := w.crash(seen, victim, how); err != nil {
		return err
	}
	return how.bring(victim)
}

// beside are the rows of what was seen and what was predicted.
func (s *sightings) beside(p *prediction, name string) (rows []row) {
	for _, f := range []struct {
		what      string
		measured  []float64
		predicted float64
	}{
		{"suspected", s.suspected, p.Detection.Median},
		{"first called dead", s.first, p.Dead.FirstMedian},
		{"dead everywhere", s.all, p.Dead.AllMedian},
	} {
		rows = append(rows, compare(name+f.what, "s", f.measured, f.predicted))
	}
	return rows
}

// tolerance is how far off a prediction may be.
const tolerance = 0.15

// compare makes the row of a prediction. The period is one second, so that what
// is predicted in periods is in seconds.
func compare(name, unit string, measured []float64, predicted float64) row {
	middle, low, high := spanOf(measured)
	ratio, figure := middle/predicted, fmt.Sprintf("%.3g %s", middle, unit)
	if n := len(measured); n > 1 {
		figure += fmt.Sprintf(" ± %.0f %% (median of %d)", 50*(high-low)/middle, n)
	}
	return row{
		name, figure,
		fmt.Sprintf("%.3g %s; ratio %.2f", predicted, unit, ratio), math.Abs(ratio-1) <= tolerance,
	}
}

// spanOf gives the median and the ends of its 95 % interval, which are √n ranks
// away whatever the distribution.
func spanOf(values []float64) (middle, low, high float64) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	sorted := slices.Sorted(slices.Values(values))
	last := float64(len(sorted) - 1)
	at := func(rank float64) float64 { return sorted[int(min(max(rank, 0), last)+0.5)] }
	wide := math.Sqrt(last + 1)
	return (sorted[int(last/2)] + sorted[int(last/2+0.5)]) / 2, at(last/2 - wide), at(last/2 + wide)
}

func middleOf(values []float64) float64 {
	middle, _, _ := spanOf(values)
	return middle
}

// prediction is what is needed of one row of hb.simulation/1.
type prediction struct {
	Detection struct {
		Median float64 `json:"p50_periods"`
	} `json:"detection"`
	Dead struct {
		FirstMedian float64 `json:"first_p50_periods"`
		AllMedian   float64 `json:"all_p50_periods"`
	} `json:"dead"`
	Load struct {
		Messages float64 `json:"messages_mean"`
		Bytes    float64 `json:"bytes_mean"`
	} `json:"load"`
}

// predict asks the simulator, for datagrams that take so long.
func (b *bench) predict(ctx context.Context, config string, size int, delay time.Duration, flags ...string) (*prediction, error) {
	args := append([]string{"simulate", "detectors", "--config", config, "--nodes", strconv.Itoa(size), "--kills", "2000",
		"--delay", delay.String(), "--json"}, flags...)
	out, err := exec.CommandContext(ctx, b.hb, args...).Output()
	if err != nil {
		return nil, fmt.Errorf("hb %v: %w", args, err)
	}
	var doc struct {
		Rows []prediction `json:"rows"`
	}
	if err := json.Unmarshal(out, &doc); err != nil || len(doc.Rows) != 1 {
		return nil, fmt.Errorf("hb %v: %q: %w", args, out, err)
	}
	return &doc.Rows[0], nil
}

// sightings are how many seconds after crashes somebody suspected the member,
// somebody called it dead, and everybody held it dead. Ending is how long after a
// kill a stream to the process ended, as this process saw it, and streams how many
// other nodes had one.
type sightings struct{ suspected, first, all, ending, streams []float64 }

// add adds what was seen elsewhere.
func (s *sightings) add(o sightings) {
	s.suspected, s.first = append(s.suspected, o.suspected...), append(s.first, o.first...)
	s.all, s.ending, s.streams = append(s.all, o.all...), append(s.ending, o.ending...), append(s.streams, o.streams...)
}

// watch follows what the nodes of a cluster tell of each other.
type watch struct {
	ctx     context.Context
	nodes   []*instance
	cursors map[*instance]string
}

// oneWay is half of what a node shows as the round trips of its pings: how long a
// datagram takes from process to process.
func (w *watch) oneWay() time.Duration {
	var view control.Members
	var trips []time.Duration
	if w.nodes[0].ask(w.ctx, "GET", "/v1/members", nil, &view) == nil {
		for _, m := range view.Members {
			if m.RTT != nil && !m.Self {
				trips = append(trips, time.Duration(*m.RTT*float64(time.Second)))
			}
		}
	}
	return max(quantile(trips, 0.5)/2, time.Microsecond)
}

// crash takes one node away, and waits until all others know.
func (w *watch) crash(seen *sightings, victim *instance, how way) error {
	if how.alone != nil {
		how.alone.Lock()
		defer how.alone.Unlock()
	}
	if err := w.catchUp(); err != nil {
		return err
	}
	streams, err := streamsTo(victim.addr)
	if err != nil {
		return err
	}
	stream, err := net.Dial("tcp", victim.addr)
	if err != nil {
		return err
	}
	defer stream.Close()
	ended := make(chan time.Time, 1)
	go func() {
		stream.Read(make([]byte, 1))
		ended <- time.Now()
	}()
	from := time.Now()
	if err := how.take(victim); err != nil {
		return err
	}
	select {
	case at := <-ended:
		seen.ending = append(seen.ending, at.Sub(from).Seconds())
		seen.streams = append(seen.streams, float64(streams))
	case <-time.After(time.Second): // it is silent
	}
	<-time.After(undisturbed)
	var suspected, first, all time.Time
	for _, i := range w.nodes {
		if i == victim {
			continue
		}
		err := i.await(w.ctx, 100*time.Millisecond, "call "+victim.name+" dead", func() bool {
			return i.sees(w.ctx, len(w.nodes)-1) && !i.suspects(w.ctx)
		})
		if err != nil {
			return err
		}
		events, err := w.news(i)
		if err != nil {
			return err
		}
		at := map[string]time.Time{}
		for _, e := range events {
			if _, had := at[e.Kind]; !had && e.Subject == victim.name && e.Time.After(from) {
				at[e.Kind] = e.Time
			}
		}
		dead := at["member-dead"]
		if dead.IsZero() {
			return fmt.Errorf("%s does not say when it called %s dead", i.name, victim.name)
		}
		suspected = earlier(suspected, earlier(at["member-suspect"], dead))
		first = earlier(first, dead)
		if dead.After(all) {
			all = dead
		}
	}
	seen.suspected = append(seen.suspected, suspected.Sub(from).Seconds())
	seen.first = append(seen.first, first.Sub(from).Seconds())
	seen.all = append(seen.all, all.Sub(from).Seconds())
	return nil
}

// streamsTo counts the streams that others have opened to a node, as the kernel
// lists them.
func streamsTo(addr string) (n int, err error) {
	port, err := netip.ParseAddrPort(addr)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	peer, established := fmt.Sprintf(":%04X", port.Port()), "01"
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[2], peer) && f[3] == established {
			n++
		}
	}
	return n, nil
}

// earlier is the earlier of two times that are known.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// catchUp forgets what has happened until now.
func (w *watch) catchUp() error {
	for _, i := range w.nodes {
		if _, err := w.news(i); err != nil {
			return err
		}
	}
	return nil
}

// news is what has happened since a node was asked last. One that has been
// started again since begins anew.
func (w *watch) news(i *instance) (events []*control.Event, err error) {
	since := w.cursors[i]
	if since == "" {
		since = "0"
	}
	err = control.NewClient(i.socket()).Events(w.ctx, control.EventQuery{Since: since}, func(e *control.Event, _ control.Place) error {
		events, w.cursors[i] = append(events, e), e.Cursor
		return nil
	})
	return events, err
}

// suspects says whether a node suspects anybody.
func (i *instance) suspects(ctx context.Context) bool {
	var view control.Members
	return i.ask(ctx, "GET", "/v1/members", nil, &view) != nil ||
		slices.ContainsFunc(view.Members, func(m control.Member) bool { return m.Status == "suspect" || m.Status == "unreachable" })
}
