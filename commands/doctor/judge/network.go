package judge

import (
	"fmt"
	"strings"
)

func (f *Facts) links() (found []Finding) {
	if f.Links == nil && f.LinksFault == "" || f.onLoopback() {
		return nil
	}
	usable, down := []string{}, []string{}
	for _, l := range f.Links {
		switch {
		case l.Wanted && !l.Up:
			found = append(found, bad("link-down", "the interface %s, which the configuration names, is down", l.Name).mend("ip link set "+l.Name+" up"))
		case l.Wanted && !l.Carrier:
			found = append(found, bad("link-down", "the interface %s, which the configuration names, has no carrier", l.Name).
				mend("look at the cable, the switch's port, or the virtual machine's network: ip link show "+l.Name))
		case l.Wanted && len(l.Addrs) == 0:
			found = append(found, bad("no-address", "the interface %s, which the configuration names, has no address", l.Name).
				mend("ip addr show "+l.Name+", then give it one: DHCP, or ip addr add ADDRESS/BITS dev "+l.Name))
		case l.Loopback:
		case l.Up && l.Carrier && len(l.Addrs) > 0:
			usable = append(usable, l.Name+" "+l.Addrs[0].String())
		case !l.Up || !l.Carrier:
			down = append(down, l.Name)
		}
	}
	switch {
	case len(found) > 0:
		return found
	case f.LinksFault != "":
		return []Finding{bad("interface", "%s", f.LinksFault).mend("name one that is there: node.interface in hb.toml, or --interface; ip addr lists them")}
	case len(usable) == 0 && len(down) > 0:
		return []Finding{bad("link-down", "no network interface but loopback is up: %s", strings.Join(down, ", ")).mend("ip link set " + down[0] + " up")}
	case len(usable) == 0:
		return []Finding{bad("no-address", "no network interface but loopback has an address").mend("ip addr shows them; give one an address: DHCP, or ip addr add ADDRESS/BITS dev NAME")}
	}
	return []Finding{ok("links", "interfaces: %s", strings.Join(usable, ", "))}
}

// onLoopback says that the node is for this machine alone, as one with --dev is.
func (f *Facts) onLoopback() bool {
	return f.answers() && f.Address != nil && f.Address.Advertised.Addr().IsLoopback()
}

func (f *Facts) ports() (found []Finding) {
	free := []string{}
	for _, p := range f.Ports {
		switch p.State {
		case "free":
			free = append(free, fmt.Sprintf("%s %v", p.Protocol, p.At))
		case "taken":
			who := orElse(p.Holder, "another process")
			if strings.HasSuffix(who, " (hb)") {
				found = append(found, bad("port-taken", "%s port %v is taken by another node: %s", p.Protocol, p.At, who).
					because("it is another user's, or has another socket than hb looks at here").
					mend("hb doctor --socket PATH, with its socket, or run by its user, tells how it is", "two nodes on one machine need two ports: node.bind in hb.toml"))
				continue
			}
			found = append(found, bad("port-taken", "%s port %v is taken by %s", p.Protocol, p.At, who).
				because("no node answers here, so it is not hb's own; a node could not start").
				mend(fmt.Sprintf("end that process (ss -lntup 'sport = %d' shows it), or give the node another port: node.bind in hb.toml", p.At.Port())))
		case "absent":
			found = append(found, bad("bind-absent", "the node is to listen on %v, and this machine has no such address", p.At).
				mend("ip addr lists those it has; change node.bind in hb.toml (0.0.0.0:7117 is every one), or bring the address up"))
		case "denied":
			found = append(found, bad("port-denied", "%s may not listen on %s port %v: %s", f.User, p.Protocol, p.At, p.Detail).
				mend("choose a port above 1023 (node.bind in hb.toml), or run the node as root"))
		default:
			found = append(found, bad("port", "%s port %v cannot be listened on: %s", p.Protocol, p.At, p.Detail).mend("give the node another: node.bind in hb.toml"))
		}
	}
	if len(found) == 0 && len(free) > 0 {
		found = append(found, ok("ports", "ports are free: %s", strings.Join(free, ", ")))
	}
	return found
}

func (f *Facts) advertise() []Finding {
	a := f.Address
	switch {
	case a == nil:
		return nil
	case a.Fault != "" && f.LinksFault != "":
		return nil // the interface was told
	case a.Fault != "":
		return []Finding{bad("advertise", "no address can be told to others: %s", a.Fault).mend("say where others reach this node: node.advertise in hb.toml, or --advertise")}
	case a.OtherFamily:
		return []Finding{bad("advertise-family", "others are told %v, and the node does not listen to addresses of that kind", a.Advertised).
			because("0.0.0.0 hears IPv4 only; [::] hears both").
			mend("node.bind = [\"[::]:7117\"] in hb.toml", "or --advertise, with an address of this machine of the kind that it listens to")}
	case a.RouteFault != "":
		return []Finding{bad("no-route", "there is no way from here to %s: %s", f.called(a.Peer), a.RouteFault).mend("ip route; bring up the interface that leads there, or add a route")}
	case a.Named && !a.Here && !a.Advertised.Addr().IsUnspecified():
		return []Finding{warn("advertise-elsewhere", "others are told %v, which no interface of this machine has", a.Advertised).
			because("that is right only behind a translation of addresses (NAT), which must bring UDP and TCP here").
			mend("else change node.advertise in hb.toml: ip addr lists this machine's addresses")}
	case a.Peer != "" && a.Route.IsValid() && !a.Route.IsLoopback() && a.Route.Is4() == a.Advertised.Addr().Is4() && a.Route != a.Advertised.Addr() && a.Here:
		return []Finding{warn("advertise-interface", "others are told %v, but the way to %s goes out from %v", a.Advertised.Addr(), f.called(a.Peer), a.Route).
			because("members answer to the address that they are told").
			mend(fmt.Sprintf("if they reach this machine by %v only: --advertise %v, or node.advertise = [%q] in hb.toml", a.Route, a.Route, a.Route))}
	}
	return []Finding{ok("address", "others are told %v", a.Advertised)}
}

// inbound judges what this machine's own firewall does with datagrams.
func (f *Facts) inbound() (found []Finding) {
	heard := []string{}
	for _, in := range f.Inbound {
		name := fmt.Sprintf("%d on %s", in.Port, in.Interface)
		if in.Heard {
			heard = append(heard, name)
			continue
		}
		found = append(found, bad("firewall", "this machine drops datagrams that come in for UDP port %s", name).
			because("one that this machine sent to itself by that interface did not arrive; TCP may be dropped, too").
			mend(f.Firewall.let()...))
	}
	if len(found) == 0 && len(heard) > 0 {
		found = append(found, ok("inbound", "datagrams come in for UDP port %s", strings.Join(heard, ", ")))
	}
	return found
}

// let are the lines that open hb's ports in this machine's firewall.
func (w Firewall) let() []string {
	switch w.Kind {
	case "firewalld":
		return []string{"firewall-cmd --permanent --add-port=7117/tcp --add-port=7117-7118/udp && firewall-cmd --reload"}
	case "ufw":
		return []string{"ufw allow 7117/tcp && ufw allow 7117:7118/udp"}
	case "nft":
		if len(w.Chains) == 0 {
			break
		}
		var lines []string
		for _, chain := range w.Chains {
			lines = append(lines, fmt.Sprintf("nft insert rule %s tcp dport 7117 accept && nft insert rule %s udp dport 7117-7118 accept", chain, chain))
		}
		return append(lines, "and the same in /etc/nftables.conf, to last")
	case "iptables":
		return []string{
			"iptables -I INPUT -p tcp --dport 7117 -j ACCEPT && iptables -I INPUT -p udp --dport 7117:7118 -j ACCEPT",
			"and iptables-save where your system keeps it, to last",
		}
	}
	return []string{"let TCP 7117 and UDP 7117-7118 in wherever packets are filtered: nft list ruleset, iptables -S, a cloud's security group"}
}

// there are the lines for another machine, whose firewall nobody here knows.
func there(name string, ports string) string {
	return fmt.Sprintf("on %s: hb doctor; and let %s in there, or wherever packets are filtered in between", name, ports)
}

func (f *Facts) lost() (found []Finding) {
	c := f.Counters
	if c == nil {
		return nil
	}
	if c.Dropped > 0 {
		found = append(found, warn("node-slow", "the node has lost %d datagrams in %v, since it did not take them in time", c.Dropped, round(c.Span)).
			mend("see what keeps this machine busy: hb top, top", "sysctl -w net.core.rmem_default=1048576, then restart the node"))
	} else if c.Overflow > 0 {
		found = append(found, warn("udp-overflow", "the kernel has dropped %d datagrams in %v, since a program did not take them in time", c.Overflow, round(c.Span)).
			because("not the node's, but what is lost here tells of a machine that is overloaded").
			mend("ss -uamn shows whose (the d… of skmem)"))
	}
	if c.Reverse > 0 {
		found = append(found, warn("rp-filter", "the kernel has dropped %d packets in %v by its reverse path filter, %d since it started", c.Reverse, round(c.Span), c.ReverseEver).
			because("they came in by an interface by which their answers would not go out").
			mend("sysctl -w net.ipv4.conf.all.rp_filter=2 (loose), and the same for each interface", "or mend the routes: ip route get ADDRESS-OF-A-MEMBER"))
	}
	if c.Listen > 0 {
		found = append(found, warn("listen-overflow", "the kernel has turned away %d connections in %v, since a program did not take them", c.Listen, round(c.Span)).
			mend("ss -lnt shows whose (Recv-Q above 0)"))
	}
	return found
}

func (f *Facts) conntrack() []Finding {
	c := f.Conntrack
	if c == nil || c.Max == 0 || c.Count < c.Max*9/10 {
		return nil
	}
	lines := []string{
		fmt.Sprintf("sysctl -w net.netfilter.nf_conntrack_max=%d", 4*c.Max),
		"or leave hb out of it: nft add rule inet filter prerouting udp dport 7117-7118 notrack (a raw prerouting chain)",
	}
	if c.Count >= c.Max {
		return []Finding{bad("conntrack", "the table of connections is full (%d of %d): new ones are dropped", c.Count, c.Max).mend(lines...)}
	}
	return []Finding{warn("conntrack", "the table of connections is nearly full: %d of %d", c.Count, c.Max).mend(lines...)}
}
