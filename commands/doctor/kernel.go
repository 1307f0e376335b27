package doctor

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"hb/commands/doctor/judge"
)

// counters are what the kernel has counted since it started.
type counters struct {
	overflow, reverse, listen uint64
	dropped                   map[string]uint64 // by the address of a UDP socket
}

// readCounters reads them in this network namespace; what is missing stays zero.
func readCounters() (c counters) {
	snmp, netstat := pairs("/proc/net/snmp"), pairs("/proc/net/netstat")
	c.overflow = snmp["Udp RcvbufErrors"] + snmp["Udp MemErrors"]
	c.reverse = netstat["TcpExt IPReversePathFilter"]
	c.listen = netstat["TcpExt ListenOverflows"]
	c.dropped = map[string]uint64{}
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return c
	}
	sockets, _ := proc.NetUDP()
	for _, s := range sockets {
		if s.Drops != nil {
			c.dropped[fmt.Sprintf("%d %d", s.LocalPort, s.Inode)] = *s.Drops
		}
	}
	return c
}

// pairs reads files of pairs of lines: a line of names, and one of their values.
func pairs(path string) map[string]uint64 {
	b, _ := os.ReadFile(path)
	values := map[string]uint64{}
	var names []string
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(names) != len(f) || names[0] != f[0] {
			names = f
			continue
		}
		for i := 1; i < len(f); i++ {
			n, _ := strconv.ParseUint(f[i], 10, 64) // some are negative, none that are used here
			values[strings.TrimSuffix(f[0], ":")+" "+names[i]] = n
		}
		names = nil
	}
	return values
}

// since says how much they have grown, and what the node's own socket has lost.
func (c counters) since(before counters, span time.Duration, port uint16) *judge.Counters {
	out := &judge.Counters{
		Span: span, Overflow: c.overflow - before.overflow, Reverse: c.reverse - before.reverse,
		Listen: c.listen - before.listen, ReverseEver: c.reverse,
	}
	for key, n := range c.dropped {
		if strings.HasPrefix(key, strconv.Itoa(int(port))+" ") && port != 0 {
			out.Dropped += n - before.dropped[key]
			out.DroppedEver += n
		}
	}
	return out
}

// readConntrack reads how full the kernel's table of connections is; nil: there is
// none.
func readConntrack() *judge.Conntrack {
	number := func(name string) uint64 {
		b, _ := os.ReadFile("/proc/sys/net/netfilter/" + name)
		n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		return n
	}
	c := &judge.Conntrack{Count: number("nf_conntrack_count"), Max: number("nf_conntrack_max")}
	if c.Max == 0 {
		return nil
	}
	return c
}

// holder says which process has a port, as far as this user may see.
func holder(protocol string, at netip.AddrPort) string {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return ""
	}
	inodes := map[string]bool{}
	if protocol == "TCP" {
		four, _ := proc.NetTCP()
		six, _ := proc.NetTCP6()
		for _, s := range append(four, six...) {
			const listening = 0x0a
			if s.LocalPort == uint64(at.Port()) && s.St == listening {
				inodes[fmt.Sprintf("socket:[%d]", s.Inode)] = true
			}
		}
	} else {
		four, _ := proc.NetUDP()
		six, _ := proc.NetUDP6()
		for _, s := range append(four, six...) {
			if s.LocalPort == uint64(at.Port()) {
				inodes[fmt.Sprintf("socket:[%d]", s.Inode)] = true
			}
		}
	}
	all, _ := procfs.AllProcs()
	for _, p := range all {
		targets, _ := p.FileDescriptorTargets()
		for _, t := range targets {
			if inodes[t] {
				name, _ := p.Comm()
				return fmt.Sprintf("process %d (%s)", p.PID, name)
			}
		}
	}
	return ""
}
