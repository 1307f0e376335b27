package replog

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (w *world) describe() string {
	var b strings.Builder
	for _, s := range w.sites {
		if s.log == nil {
			fmt.Fprintf(&b, "site %d is down\n", s.n)
			continue
		}
		leader, term := s.log.Leader()
		fmt.Fprintf(&b, "site %d: term %d leader %d last %d commit %d applied %d conf %v engine %v astray %v doubt %v\n", s.n, term, leader, s.log.LastIndex(),
			s.log.Commit(), s.log.Applied(), s.log.state.conf, s.log.engine != nil, s.log.follow.astray, s.log.doubt.held)
	}
	b.WriteString(strings.Join(w.notes[max(0, len(w.notes)-10):], "\n"))
	return b.String()
}

// leader is the site that leads the highest term and is ready; nil: none.
func (w *world) leader() *site {
	var best *site
	for _, s := range w.sites {
		if s.log != nil && s.led != 0 && (best == nil || s.led > best.led) {
			best = s
		}
	}
	return best
}

func (w *world) propose(s *site, data string) uint64 {
	w.tickets++
	s.mine[data] = true
	w.step(s, Propose{Ticket: w.tickets, Data: [][]byte{[]byte(data)}})
	return w.tickets
}

func (w *world) read(s *site) uint64 {
	w.tickets++
	w.reads[w.tickets] = w.highest
	ticket := w.tickets
	w.step(s, Read{Ticket: ticket})
	return ticket
}

// commit proposes at the leader and waits until that is applied there.
func (w *world) commit(data ...string) {
	w.t.Helper()
	s := w.leader()
	for _, d := range data {
		w.propose(s, d)
	}
	w.until("commit "+data[0], 5*time.Second, func() bool {
		return !slices.ContainsFunc(data, func(d string) bool { return w.acked[d] == 0 })
	})
}

func (w *world) write(prefix string, n int) {
	w.t.Helper()
	for i := range n {
		w.commit(fmt.Sprintf("%s-%d", prefix, i))
	}
}

// voters says whether all that are up agree on that many voters, in no joint
// state.
func (w *world) votersAre(n int) func() bool {
	return func() bool {
		for _, s := range w.sites {
			if s.log != nil && (len(s.log.Voters()) != n || joint(s.log.state.conf)) {
				return false
			}
		}
		return w.leader() != nil
	}
}

// level says whether all that are up have applied the same, all of it.
func (w *world) level() bool {
	for _, s := range w.sites {
		if s.log != nil && s.at < uint64(len(w.agreed))+1 {
			return false
		}
	}
	return true
}

// cluster is n sites, of which as many vote as should.
func (w *world) cluster(n int) {
	w.t.Helper()
	w.found()
	for range n - 1 {
		w.join()
	}
	want := min(n, max(w.opt.Voters, 3))
	want -= (want + 1) % 2
	w.until("the voters are there", 10*time.Second, w.votersAre(want))
}
