package sim

import (
	"time"

	"hb/core"
	"hb/core/node"
)

// identity is what the certificate of a host's node says; 0: no node runs.
func (h *host) identity() core.NodeID {
	if n, is := h.m.(interface{ ID() core.NodeID }); is {
		return n.ID()
	}
	return 0
}

// bar keeps a node's streams out of a process from now on, and it out of theirs.
func (h *host) bar(id core.NodeID) {
	if h.barred == nil {
		h.barred = map[core.NodeID]bool{}
	}
	h.barred[id] = true
	n := h.w.network
	for i, other := range h.w.hosts {
		if s := n.streams[[2]int{h.i, i}]; s != nil && s.ids[1] == id {
			n.lose(s, 0, false)
		}
		if s := n.streams[[2]int{i, h.i}]; s != nil && s.ids[0] == id && n.passes(h, other) {
			n.lose(s, n.delay(), true)
		}
	}
}

// lets says whether the processes at both ends of a stream know of nothing
// against each other. A stranger's answer is let out to anybody.
func (s *stream) lets(stranger bool) bool {
	if s.from.barred[s.ids[1]] && !stranger {
		s.from.later(time.Millisecond, node.StreamLost{To: s.to.addr})
		return false
	}
	if s.to.barred[s.ids[0]] && s.to.up() && s.to.life == s.life[1] {
		w := s.from.w
		from, to, lives := s.from, s.to, s.life
		w.after(w.network.delay(), func() { to.deliver(lives[1], node.Knocked{Peer: s.ids[0]}) })
		w.after(2*w.network.delay(), func() { from.deliver(lives[0], node.StreamLost{To: to.addr}) })
		return false
	}
	return true
}
