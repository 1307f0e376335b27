package judge

import (
	"slices"
	"strings"

	"hb/core/control"
)

// reach judges by probes how the others answer.
func (f *Facts) reach() (found []Finding) {
	if f.cut() || f.Node.Members == nil || len(f.Node.Probes) == 0 {
		return nil
	}
	well, streamless := 0, f.streamless()
	if len(streamless) > 0 {
		found = append(found, f.noStreams(streamless))
	}
	for _, m := range f.Node.Members.Members {
		p, probed := f.Node.Probes[m.ID]
		switch {
		case !probed || m.Self || m.Status == "dead" || m.Status == "left":
		case slices.Contains(streamless, m.Name) && p.UDP.OK:
		case p.UDP.OK && p.TCP.OK:
			well++
		case p.TCP.OK:
			found = append(found, f.udpLost(m))
		case p.UDP.OK:
			finding := bad("tcp", "%s answers by UDP, but not by TCP: %s", m.Name, value(p.TCP.Error)).
				because("the log and the tasks go by TCP").mend(there(m.Name, "TCP "+port(value(m.Address))))
			if len(f.Node.Probes) == 1 { // nobody else could tell on which side it is lost
				finding = finding.mend(f.Firewall.let()...)
			}
			found = append(found, finding)
		case slices.ContainsFunc(p.Via, func(v control.Via) bool { return v.OK }):
			found = append(found, bad("cut", "%s does not answer this node, but it answers others", m.Name).
				because("something between the two drops what they send each other").
				mend(there(m.Name, "TCP and UDP "+port(value(m.Address))), "hb probe --mesh shows who else is cut off from whom"))
		default:
			found = append(found, warn("silent", "%s answers neither by UDP nor by TCP, nor through others", m.Name).
				mend("is the machine on? ping "+host(value(m.Address)), "hb doctor there, if it is"))
		}
	}
	if len(found) == 0 && well > 0 {
		found = append(found, ok("reach", "%d members answer by UDP and TCP", well))
	}
	return found
}

// streamless are the members that answer by UDP and not by TCP, if there are several
// and nobody does answer by TCP: then it is this machine whose connections get lost.
func (f *Facts) streamless() (names []string) {
	for _, m := range f.Node.Members.Members {
		switch p, probed := f.Node.Probes[m.ID]; {
		case !probed || m.Self || m.Status == "dead" || m.Status == "left":
		case p.TCP.OK:
			return nil
		case p.UDP.OK:
			names = append(names, m.Name)
		}
	}
	if len(names) < 2 {
		return nil
	}
	return names
}

// noStreams tells of a machine that no member answers by TCP. A member answers by a
// connection of its own: where those from here get there, those from there do not get
// here.
func (f *Facts) noStreams(names []string) Finding {
	finding := bad("tcp-all", "no member answers by TCP, though they do by UDP: %s", some(names))
	open := slices.ContainsFunc(f.Doors, func(d Door) bool { return d.TCP == "open" })
	if open {
		finding = finding.because("connections from here get there; those by which they answer do not get here: the log and the tasks go by TCP")
	} else {
		finding = finding.because("the log and the tasks go by TCP; what all of them have in common is this machine")
	}
	return finding.mend(f.Firewall.let()...).mend("if nothing drops TCP here: let TCP 7117 through, both ways, wherever packets are filtered in between")
}

// udpLost says where the datagrams between this node and a member that answers by
// TCP get lost, as far as that was found out.
func (f *Facts) udpLost(m control.Member) Finding {
	out, in := f.arrives(m)
	finding := bad("udp", "%s answers by TCP, but not by UDP", m.Name)
	switch {
	case out != nil && *out && (in == nil || !*in):
		return finding.because("this node's datagrams arrive there, and what it sends back does not arrive here").mend(f.Firewall.let()...)
	case in != nil && *in && (out == nil || !*out):
		return finding.because("its datagrams arrive here, and this node's do not arrive there").mend(there(m.Name, "UDP "+port(value(m.Address))))
	}
	lines := append([]string{there(m.Name, "UDP "+port(value(m.Address)))}, f.Firewall.let()...)
	return finding.because("it may be called dead though it runs").mend(lines...)
}

// arrives says whether datagrams get through in each direction; nil: unknown.
func (f *Facts) arrives(m control.Member) (out, in *bool) {
	if f.Node.Mesh == nil {
		return nil, nil
	}
	self := f.Node.Status.Name
	for _, p := range f.Node.Mesh.Pairs {
		switch {
		case p.From == self && p.To == m.Name:
			out = p.Arrives
		case p.From == m.Name && p.To == self:
			in = p.Arrives
		}
	}
	return out, in
}

// port is PORT of HOST:PORT.
func port(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i > 0 {
		return addr[i+1:]
	}
	return "7117"
}
