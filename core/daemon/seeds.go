package daemon

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

const (
	// defaultPort is hb's, UDP and TCP.
	defaultPort = 7117
	// resolveLimit bounds one look at the name servers.
	resolveLimit = 5 * time.Second
)

// resolve gives the addresses that seeds stand for now, sorted, and the seeds
// that stand for none.
func resolve(ctx context.Context, seeds []string) (addrs []netip.AddrPort, failed []string) {
	ctx, cancel := context.WithTimeout(ctx, resolveLimit)
	defer cancel()
	for _, seed := range seeds {
		found := lookUp(ctx, seed)
		if len(found) == 0 {
			failed = append(failed, seed)
		}
		addrs = append(addrs, found...)
	}
	slices.SortFunc(addrs, netip.AddrPort.Compare)
	return slices.Compact(addrs), failed
}

// lookUp resolves HOST:PORT, or HOST alone with hb's port.
func lookUp(ctx context.Context, seed string) []netip.AddrPort {
	host, service, err := net.SplitHostPort(seed)
	if err != nil {
		host, service = seed, strconv.Itoa(defaultPort)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || port == 0 {
		return nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	var addrs []netip.AddrPort
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return addrs
}
