package doctor

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"hb/commands/doctor/judge"
	"hb/core"
	"hb/core/control"
	"hb/netutil"
)

const (
	// nodeLimit is how long a node may take to say how it is, probeLimit all probes
	// together.
	nodeLimit  = 4 * time.Second
	probeLimit = 6 * time.Second
	// mostDoors is how many members are asked for their clocks.
	mostDoors = 8
)

// askNode finds the node that runs here, and has it tell how it is.
func (g *gathering) askNode(ctx context.Context) {
	for _, path := range g.Sockets {
		s, pid, _ := tryPath(path)
		if pid > 0 {
			g.facts.Process = lookAtProcess(pid)
		}
		if s.State == "answers" || s.State == "denied" { // then the client says who would be let in
			s = g.askAt(ctx, s)
		}
		g.facts.Sockets = append(g.facts.Sockets, s)
		if s.State == "answers" || s.State == "hangs" {
			return
		}
	}
}

// Whose finds the first of some sockets behind which there is a node, and the user who
// runs that: as the kernel says, or, of a closed one, as its place does. Without a node
// the path is empty.
func Whose(sockets []string) (path string, uid int) {
	for _, path := range sockets {
		s, _, uid := tryPath(path)
		switch s.State {
		case "answers", "hangs":
			return path, uid
		case "denied":
			for _, at := range []string{path, filepath.Dir(path)} {
				if info, err := os.Stat(at); err == nil {
					return path, int(info.Sys().(*syscall.Stat_t).Uid)
				}
			}
		}
	}
	return "", -1
}

// ProcessAt is the process of the first node that is behind one of some sockets; 0:
// there is none.
func ProcessAt(sockets []string) int {
	for _, path := range sockets {
		if _, pid, _ := tryPath(path); pid > 0 {
			return pid
		}
	}
	return 0
}

// tryPath connects, and asks nothing.
func tryPath(path string) (s judge.Socket, pid, uid int) {
	s, uid = judge.Socket{Path: path, State: "other"}, -1
	conn, err := net.DialTimeout("unix", path, nodeLimit)
	switch {
	case err == nil:
		s.State = "answers"
		if peer, err := netutil.PeerOf(conn.(*net.UnixConn)); err == nil {
			pid, uid = peer.PID, peer.UID
		}
		conn.Close()
		return s, pid, uid
	case errors.Is(err, fs.ErrNotExist):
		s.State = "missing"
	case errors.Is(err, syscall.ECONNREFUSED):
		s.State = "stale"
	case errors.Is(err, fs.ErrPermission):
		s.State = "denied"
	case errors.Is(err, syscall.EAGAIN):
		s.State = "hangs"
	}
	s.Detail = netutil.Reason(err).Error()
	return s, 0, uid
}

// askAt asks a node for its status and its members.
func (g *gathering) askAt(ctx context.Context, s judge.Socket) judge.Socket {
	ctx, cancel := context.WithTimeout(ctx, nodeLimit)
	defer cancel()
	client := control.NewClient(s.Path)
	n := &judge.Node{}
	status, err := client.Status(ctx)
	var f *core.Fault
	switch {
	case err == nil:
		n.Status = status
		n.Members, _ = client.Members(ctx) // without them less is known
	case errors.As(err, &f) && f.Code == core.CodeTimeout:
		s.State, s.Detail = "hangs", f.Message
		return s
	case errors.As(err, &f) && f.Code == core.CodeDenied:
		s.State, s.Detail, s.Hint = "denied", f.Message, f.Hint
		return s
	case errors.As(err, &f):
		n.Fault, n.Hint = f.Message, f.Hint
	default:
		n.Fault = err.Error()
	}
	g.facts.Node = n
	return s
}

// others are the members but this one that should answer.
func (g *gathering) others() (list []control.Member) {
	if g.facts.Node == nil || g.facts.Node.Members == nil {
		return nil
	}
	for _, m := range g.facts.Node.Members.Members {
		if !m.Self && m.Status != "left" && m.Status != "dead" {
			list = append(list, m)
		}
	}
	return list
}

// self is this node's own row.
func (g *gathering) self() (m control.Member, known bool) {
	if g.facts.Node != nil && g.facts.Node.Members != nil {
		for _, m := range g.facts.Node.Members.Members {
			if m.Self {
				return m, true
			}
		}
	}
	return m, false
}

// port is that on which the node hears, or would.
func (g *gathering) port() uint16 {
	text := ""
	if m, known := g.self(); known && m.Address != nil {
		text = *m.Address
	} else if len(g.Config.Node.Bind) > 0 {
		text = g.Config.Node.Bind[0]
	}
	at, _ := netip.ParseAddrPort(text)
	return at.Port()
}

// probeMembers has the node ask all others by UDP and TCP, and, where somebody does
// not answer by UDP, who hears whom.
func (g *gathering) probeMembers(ctx context.Context) {
	others := g.others()
	if len(others) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	client := control.NewClient(g.socket())
	var ids []string
	for _, m := range others {
		ids = append(ids, m.ID)
	}
	got, err := client.Probe(ctx, ids)
	if err != nil {
		return
	}
	deaf := []string{}
	probes := map[string]control.Probe{}
	for _, p := range got.Results {
		probes[p.Target] = p
		if p.TCP.OK && !p.UDP.OK {
			deaf = append(deaf, p.Target)
		}
	}
	g.facts.Node.Probes = probes
	if me, known := g.self(); known && len(deaf) > 0 {
		g.facts.Node.Mesh, _ = client.ProbeMesh(ctx, append(deaf, me.ID))
	}
}

// socket is where the node answered.
func (g *gathering) socket() string {
	for _, s := range g.facts.Sockets {
		if s.State == "answers" {
			return s.Path
		}
	}
	return ""
}
