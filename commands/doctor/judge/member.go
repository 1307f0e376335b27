package judge

import (
	"fmt"
	"slices"
	"strings"

	"hb/core/control"
)

// stressWarn is from where a member's stress (of 1000) makes it answer late.
const stressWarn = 900

// health judges what the node says of its cluster.
func (f *Facts) health() (found []Finding) {
	n := f.Node
	switch {
	case n == nil:
		return nil
	case n.Fault != "":
		return []Finding{bad("node-fault", "the node does not say how it is: %s", n.Fault).mend(orElse(n.Hint, "journalctl -u hb.service -n 50"))}
	case n.Status == nil:
		return nil
	}
	s := n.Status
	switch {
	case s.Cluster.ID == nil:
		found = append(found, bad("not-in", "the node runs, and is in no cluster yet").
			mend("journalctl -u hb.service -n 50 says whom it asks; name a member: cluster.seeds in hb.toml"))
	case s.Health == "isolated":
		found = append(found, bad("isolated", "this node hears none of the other %d members%s", s.Members-1, f.listed()).
			because("either this machine is cut off, or all others are down").
			mend(append(f.Firewall.let(), "hb doctor HOST:PORT, with a member's address, tells where the way ends")...))
	case s.Health == "no-quorum":
		why := "no leader is known"
		if s.Plight != nil {
			why = *s.Plight
		}
		found = append(found, bad("no-quorum", "there is no leader: %s", why).
			because("nothing can be agreed on: no task is taken, no death is told").
			mend(orElse(value(s.ToDo), "wait a moment; if it stays so: hb doctor on the other members")))
	default:
		found = append(found, ok("cluster", "%s: %s, %d of %d members alive, leader %s", value(s.Cluster.Name), s.Health, s.MembersAlive, s.Members, value(s.Leader.Name)))
	}
	if s.Stress >= stressWarn {
		found = append(found, warn("stress", "this machine is overloaded: stress %d of 1000", s.Stress).
			because("a node that gets no processor, memory or disk answers late, and others suspect it").
			mend("hb top and top show who keeps it busy; hb drain gives it no new tasks"))
	}
	return found
}

// cut says whether the node hears nobody, or is in nothing: then what is said of the
// others one by one says nothing new.
func (f *Facts) cut() bool {
	return !f.answers() || f.Node.Status.Cluster.ID == nil || f.Node.Status.Health == "isolated"
}

func (f *Facts) members() (found []Finding) {
	if f.cut() || f.Node.Members == nil {
		return nil
	}
	var dead, suspect, tired []string
	for _, m := range f.Node.Members.Members {
		switch {
		case m.Status == "dead":
			dead = append(dead, m.Name)
		case m.Status == "suspect":
			suspect = append(suspect, strings.TrimSpace(m.Name+" "+parenthesis(value(m.Blame))))
		case !m.Self && m.Stress != nil && *m.Stress >= stressWarn:
			tired = append(tired, m.Name)
		}
	}
	if len(dead) > 0 {
		found = append(found, f.dead(dead))
	}
	if len(suspect) > 0 {
		found = append(found, warn("member-suspect", "suspected: %s", some(suspect)).
			mend("hb probe --mesh shows who gets through to whom; if it goes on: hb doctor on that machine"))
	}
	if len(tired) > 0 {
		found = append(found, warn("member-stress", "overloaded: %s", some(tired)).mend("hb members shows their stress; hb drain NODE gives one no new tasks"))
	}
	return found
}

// dead tells of members that are dead. Without a majority nothing is agreed on, and so
// nobody can be forgotten: that is not advised.
func (f *Facts) dead(names []string) Finding {
	finding := warn("member-dead", "dead: %s", some(names)).because("%s", f.survives()).
		mend("start the node there (systemctl start hb.service); hb doctor on that machine tells why it does not run")
	if alive := f.votersAlive(); f.Node.Status.Health == "no-quorum" || 2*alive <= len(f.Node.Status.Voters) {
		return finding
	}
	if len(names) == 1 {
		return finding.mend("if the machine is gone for good: hb forget " + names[0])
	}
	shown := names[:min(len(names), mostNames)]
	return finding.mend("for each that is gone for good: hb forget " + strings.Join(shown, ", hb forget "))
}

// mostNames is how many members a line names.
const mostNames = 12

// some is a list of names that fits a line or two.
func some(names []string) string {
	if more := len(names) - mostNames; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNames], ", "), more)
	}
	return strings.Join(names, ", ")
}

// listed are the names of the other members, behind their number.
func (f *Facts) listed() string {
	if f.Node.Members == nil {
		return ""
	}
	var names []string
	for _, m := range f.Node.Members.Members {
		if !m.Self && m.Status != "left" {
			names = append(names, m.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ": " + some(names)
}

// votersAlive is how many voters are believed to live.
func (f *Facts) votersAlive() (alive int) {
	for _, v := range f.Node.Status.Voters {
		for _, m := range f.Node.Members.Members {
			if v.ID != nil && m.ID == *v.ID && (m.Status == "alive" || m.Status == "suspect") {
				alive++
			}
		}
	}
	return alive
}

// survives says how many voters may still be lost.
func (f *Facts) survives() string {
	s := f.Node.Status
	alive := f.votersAlive()
	switch spare := alive - (len(s.Voters)/2 + 1); {
	case spare < 0:
		return fmt.Sprintf("%d of %d voters are alive: too few to agree on anything", alive, len(s.Voters))
	case spare == 0:
		return fmt.Sprintf("%d of %d voters are alive: no further one may be lost", alive, len(s.Voters))
	default:
		return fmt.Sprintf("%d of %d voters are alive: %d more may be lost", alive, len(s.Voters), spare)
	}
}

func parenthesis(text string) string {
	if text == "" {
		return ""
	}
	return "(" + text + ")"
}

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

// unable tells of tasks that the node is configured to run, and cannot.
func (f *Facts) unable() (found []Finding) {
	for _, u := range f.Unable {
		words := u.Tasks
		if u.Free {
			words = append([]string{"any command"}, words...)
		}
		why, remedy, named := strings.Cut(u.Why, ": ")
		if !named {
			remedy = "mend user of [tasks] in hb.toml; systemctl reload hb takes it over"
		}
		found = append(found, warn("tasks-user", "this machine %s, and so cannot run %s", why, some(words)).
			because("the cluster gives it no such tasks").mend(remedy))
	}
	return found
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

// versions judges which hb the others run.
func (f *Facts) versions() (found []Finding) {
	if f.answers() {
		if v := f.Node.Status.Version; v != f.Version {
			found = append(found, warn("node-old", "the node runs hb %s, and this is hb %s", v, f.Version).mend("restart the node, to run what is installed: systemctl restart hb.service"))
		}
	}
	var other []string
	for _, n := range f.others() {
		if n.Version != "" && n.Version != f.Version {
			other = append(other, fmt.Sprintf("%s (hb %s)", n.Name, n.Version))
		}
	}
	slices.Sort(other)
	if other = slices.Compact(other); len(other) > 0 {
		found = append(found, warn("versions", "not hb %s: %s", f.Version, strings.Join(other, ", ")).
			because("versions may be mixed while they are exchanged; what is new waits until all have it").
			mend("install the same version on all machines, one after the other: hb drain, exchange, restart, hb resume"))
	}
	return found
}

// others are the nodes whose versions matter: the members, or who answered.
func (f *Facts) others() (list []Neighbour) {
	if f.answers() && f.Node.Members != nil {
		for _, m := range f.Node.Members.Members {
			if !m.Self && m.Status != "left" && m.Status != "dead" {
				list = append(list, Neighbour{Name: m.Name, Version: value(m.Version)})
			}
		}
		return list
	}
	if f.LAN != nil {
		for _, n := range f.LAN.Nodes {
			if n.Cluster != "" && (!f.member() || strings.HasPrefix(f.cluster(), n.Cluster)) {
				list = append(list, n)
			}
		}
	}
	for _, d := range f.Doors {
		if d.Seen != nil {
			list = append(list, Neighbour{Name: callName(d), Version: d.Seen.Program})
		}
	}
	return list
}

// value is what a pointer points to; unknown is empty.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
