package main

import (
	"fmt"
	"sync"
	"time"

	"hb/core/ledger"
	"hb/core/node"
	"hb/core/sim"
	"hb/core/wire"
)

// agreement measures what the logs of whole nodes agree on. A process can run
// only one such cluster at a time.
type agreement struct{ mutex sync.Mutex }

// lossy runs whole nodes, every hundredth of which, and ten of them at least, comes to
// lose 80 % of its packets, and counts the changes that their log agrees on.
func (a *agreement) lossy(s scale) (string, verdict) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	n := s.nodes
	w := sim.New(sim.Options{Seed: s.seed, Nodes: n})
	defer w.Close()
	w.Start(n)
	whole := func() bool { return len(directory(w, ledger.Up)) == n }
	if err := w.Until(whole, time.Minute); err != nil {
		return err.Error(), missed
	}
	w.For(10 * time.Second)
	bad := spoil(w, n, max(10, n/100), 0.8)
	began, soon, took := w.Now(), 0, time.Duration(0)
	for w.Now()-began < time.Minute {
		w.For(time.Second)
		n := len(directory(w, ledger.Down))
		if at := w.Now() - began; at <= 20*time.Second+time.Second/2 {
			soon = n
		}
		if n == len(bad) && took == 0 {
			took = w.Now() - began
		}
	}
	down, wrong := directory(w, ledger.Down), 0
	for _, name := range down {
		if !bad[name] {
			wrong++
		}
	}
	changes := changesOf(w)
	if err := w.Err(); err != nil {
		return err.Error(), missed
	}
	return fmt.Sprintf("%d nodes, %d faulty: %d agreed down after 20 s, %d after 60 s (all after %.0f s), %d of them sound; changes of %v members",
		n, len(bad), soon, len(down), took.Seconds(), wrong, changes), s.judgeNodes(soon == len(bad) && len(down) == soon && wrong == 0 && len(changes) <= 2)
}

// ten lets ten of many whole nodes crash at once, and counts the changes
// that their log agrees on, and how long that takes.
func (a *agreement) ten(s scale) (string, verdict) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	n := s.nodes
	w := sim.New(sim.Options{Seed: s.seed, Nodes: n})
	defer w.Close()
	w.Start(n)
	if err := w.Until(func() bool { return len(directory(w, ledger.Up)) == n }, time.Minute); err != nil {
		return err.Error(), missed
	}
	w.For(10 * time.Second)
	spoil(w, n, 10, 1) // silent: no host answers for them
	began := w.Now()
	err := w.Until(func() bool { return len(directory(w, ledger.Down)) == 10 }, time.Minute)
	took := w.Now() - began
	if err != nil {
		return err.Error(), missed
	}
	w.For(20 * time.Second)
	changes := changesOf(w)
	return fmt.Sprintf("%d nodes: agreed after %.1f s, changes of %v members", n, took.Seconds(), changes) + over("", took.Seconds(), 8),
		s.judgeNodes(took <= 8*time.Second && len(changes) == 1)
}

// spoil lets so many of n nodes that are no voters lose a share of their packets.
func spoil(w *sim.World, n, many int, share float64) map[string]bool {
	voters := map[string]bool{}
	for _, m := range members(w) {
		voters[m.Name] = m.Role == "leader" || m.Role == "voter"
	}
	bad := map[string]bool{}
	for i := n - 1; i > 0 && len(bad) < many; i-- {
		if name := fmt.Sprintf("n%d", i+1); !voters[name] { // as the simulator calls its hosts
			bad[name] = true
			w.Lose(i, share)
		}
	}
	return bad
}

// members are those of the first node's directory.
func members(w *sim.World) []node.MemberView {
	c := w.Ask(0, node.GetMembers{})
	if err := w.Until(func() bool { return c.Done }, 10*time.Second); err != nil || len(c.Replies) == 0 {
		return nil
	}
	view, _ := c.Replies[len(c.Replies)-1].(node.MembersView)
	return view.Members
}

func directory(w *sim.World, state string) (names []string) {
	for _, m := range members(w) {
		if m.Agreed == state {
			names = append(names, m.Name)
		}
	}
	return names
}

// changesOf are the entries of the log that call members down: how many each.
func changesOf(w *sim.World) (sizes []int) {
	c := w.Ask(0, node.FollowLog{})
	if err := w.Until(func() bool { return c.Done }, 10*time.Second); err != nil {
		return nil
	}
	for _, r := range c.Replies {
		record, _ := r.(node.LogRecord)
		size := 0
		for _, command := range record.Commands {
			if d, is := command.Body.(*wire.Command_MemberDown); is {
				size += len(d.MemberDown.Ids)
			}
		}
		if size > 0 {
			sizes = append(sizes, size)
		}
	}
	return sizes
}
