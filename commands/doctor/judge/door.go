package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hb/core"
	"hb/core/control"
)

const (
	// clockWarn and clockBad are by how much clocks may differ.
	clockWarn, clockBad = 10 * time.Second, 10 * time.Minute
)

// lan judges who answers on the local network.
func (f *Facts) lan() (found []Finding) {
	l := f.LAN
	if l == nil || f.onLoopback() {
		return nil
	}
	if l.Fault != "" {
		return []Finding{warn("beacons", "nobody can be called on the local network: %s", l.Fault).
			mend("name members as seeds (cluster.seeds in hb.toml, or hb join TOKEN HOST:PORT); beacons need an interface with IPv4 and broadcast")}
	}
	clusters, own, others := []string{}, false, []string{}
	for _, n := range l.Nodes {
		own = own || n.Self
		if !n.Self {
			others = append(others, n.Name)
		}
		if n.Cluster != "" && !slices.Contains(clusters, n.Cluster) {
			clusters = append(clusters, n.Cluster)
		}
	}
	if l.Own && !own && !f.inboundDropped() {
		found = append(found, warn("beacons", "this machine's own node does not hear calls on the local network").
			because("others cannot find it there").mend(f.Firewall.let()...))
	}
	switch {
	case len(others) == 0 && f.answers() && f.alone():
		found = append(found, ok("lan", "no other node answers on the local network, and this cluster has one member"))
	case len(others) == 0 && f.alone() && !f.named() && !f.closed():
		found = append(found, warn("lan", "nobody else answers on the local network").
			because("calls go out, and nothing comes back: no node runs near, UDP port 7118 is closed on the other machines, or the network keeps broadcast and multicast from them (clouds and many Wi-Fi networks do)").
			mend("name a member: hb join TOKEN HOST:PORT, or hb doctor HOST:PORT to see why that fails", "on the other machine: hb doctor"))
	case !f.member() && len(clusters) > 1:
		found = append(found, warn("clusters", "%d clusters answer on the local network: %s", len(clusters), describe(l.Nodes)).
			because("a token is for one of them; hb join asks all, and finds it").
			mend("name the member that is meant: hb join TOKEN HOST:PORT"))
	case len(others) > 0:
		found = append(found, ok("lan", "%d answer on the local network: %s", len(others), strings.Join(others, ", ")))
	}
	return found
}

// named says whether members to ask are named: then it does not matter who calls.
func (f *Facts) named() bool {
	return slices.ContainsFunc(f.Doors, func(d Door) bool { return d.Named || d.Seed })
}

// closed says that a node runs here, and does not say whom it has met.
func (f *Facts) closed() bool {
	return slices.ContainsFunc(f.Sockets, func(s Socket) bool { return s.State == "denied" || s.State == "hangs" })
}

// alone says whether nobody that the machine should meet was met otherwise.
func (f *Facts) alone() bool {
	for _, d := range f.Doors {
		if d.Seen != nil {
			return false
		}
	}
	return f.Node == nil || f.Node.Members == nil || len(f.Node.Members.Members) < 2
}

// member says whether this machine is a member of a cluster.
func (f *Facts) member() bool {
	return f.Credentials != nil && !f.Credentials.None && f.Credentials.Fault == "" || f.answers() && f.Node.Status.Cluster.ID != nil
}

func (f *Facts) inboundDropped() bool {
	return slices.ContainsFunc(f.Inbound, func(in Inbound) bool { return !in.Heard })
}

func describe(nodes []Neighbour) string {
	var words []string
	for _, n := range nodes {
		if n.Cluster != "" && !n.Self {
			words = append(words, fmt.Sprintf("%s at %s (%.8s)", n.Name, n.Address, n.Cluster))
		}
	}
	return strings.Join(words, ", ")
}

// seeds judges the members that the call and the configuration name, but for seeds
// that the node calls dead, which is told of the member.
func (f *Facts) seeds() (found []Finding) {
	for _, d := range f.Doors {
		if d.Named || d.Seed && !(d.Seen == nil && f.knownDead(d.Addr)) {
			found = append(found, f.door(d))
		}
	}
	return found
}

// knownDead says whether a member at an address is dead to the node.
func (f *Facts) knownDead(addr string) bool {
	return !f.cut() && f.Node.Members != nil && slices.ContainsFunc(f.Node.Members.Members, func(m control.Member) bool {
		return value(m.Address) == addr && m.Status == "dead"
	})
}

func (f *Facts) door(d Door) Finding {
	id, who := map[bool]string{true: "host", false: "seed"}[d.Named], f.called(d.Addr)
	switch d.TCP {
	case "unknown":
		return bad(id+"-name", "%s: no address for that name: %s", d.Addr, d.Detail).mend("give its IP address, or mend the name: getent hosts NAME; cat /etc/resolv.conf")
	case "refused":
		return bad(id+"-refused", "%s refuses connections: no node listens there", who).
			because("the machine answers, so that the network is well").
			mend("on that machine: hb doctor (does the node run? on which address: node.bind)", "if its port is another one, name it: HOST:PORT"+orSeed(d))
	case "filtered":
		return bad(id+"-filtered", "%s does not answer connections: the machine is off, or a firewall drops them", who).
			because("TCP: nothing came back at all%s", udpWords(d)).
			mend(there(host(d.Addr), "TCP 7117 and UDP 7117-7118"), "ping "+host(d.Addr)+" tells whether it is on")
	case "unreachable":
		return bad(id+"-unreachable", "%s cannot be reached: %s", who, d.Detail).mend("ip route get " + host(d.Addr) + "; a wrong address, no route, or a gateway or firewall that refuses")
	}
	switch {
	case d.Fault != "":
		return bad(id+"-stranger", "%s: %s", who, d.Fault).mend("name a member that was set up by hb init or hb join")
	case d.Seen == nil:
		return ok(id, "%s answers", who)
	case d.Seen.Foreign && f.Token != nil:
		return bad("wrong-cluster", "the token is for another cluster than %s's (%.8s)", who, d.Seen.Server.Cluster).
			mend("use a token of that cluster: hb token create, on a member of it", "or name a member of the token's cluster: hb join TOKEN HOST:PORT")
	case d.Seen.Foreign:
		return bad("wrong-cluster", "%s is a member of another cluster (%.8s) than this machine", who, d.Seen.Server.Cluster).
			because("this machine belongs to %.8s", f.cluster()).
			mend("name a member of this machine's cluster"+orSeed(d), "or hb leave here, then hb join with a token of that cluster")
	case d.UDP == "silent" && d.Named:
		return warn(id+"-udp", "%s answers by TCP, but not by UDP (port 7118)", who).
			because("either it uses no beacons, or UDP is dropped on the way; members could not tell each other alive without UDP 7117").
			mend(there(host(d.Addr), "UDP 7117-7118"))
	}
	return ok(id, "%s answers%s", who, map[bool]string{true: " by TCP and UDP"}[d.UDP == "answers"])
}

func udpWords(d Door) string {
	switch d.UDP {
	case "answers":
		return "; but it answers by UDP, so that it is on, and only TCP is dropped"
	case "silent":
		return ", by UDP neither"
	}
	return ""
}

func orSeed(d Door) string {
	if d.Seed {
		return ", in cluster.seeds of hb.toml"
	}
	return ""
}

// cluster is the ID of this machine's cluster.
func (f *Facts) cluster() string {
	switch {
	case f.Credentials != nil && f.Credentials.Cluster != "":
		return f.Credentials.Cluster
	case f.answers():
		return value(f.Node.Status.Cluster.ID)
	}
	return ""
}

// called is who has an address, as people say it: with the name, where one is known.
func (f *Facts) called(addr string) string {
	name := ""
	if f.Node != nil && f.Node.Members != nil {
		for _, m := range f.Node.Members.Members {
			if value(m.Address) == addr && m.Status != "left" {
				name = m.Name
			}
		}
	}
	for _, d := range f.Doors {
		if d.Addr == addr && name == "" {
			if name = d.Name; name == "" && d.Seen != nil {
				name = d.Seen.Server.Name
			}
		}
	}
	if f.LAN != nil {
		for _, n := range f.LAN.Nodes {
			if n.Address == addr && name == "" {
				name = n.Name
			}
		}
	}
	if name == "" {
		return addr
	}
	return name + " (" + addr + ")"
}

// host is HOST of HOST:PORT.
func host(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i > 0 {
		return strings.Trim(addr[:i], "[]")
	}
	return addr
}

// token judges the token that the call shows, by what a member said of it, or else
// by its own date.
func (f *Facts) token() []Finding {
	t := f.Token
	if t == nil {
		return nil
	}
	fresh := "hb token create, on a member, makes another"
	if t.Fault != "" {
		return []Finding{bad("token", "%s", t.Fault).mend(orElse(t.Hint, fresh))}
	}
	for _, d := range f.Doors {
		if d.Seen == nil || !d.Seen.Tried {
			continue
		}
		no := d.Seen.Refused
		switch {
		case no == nil:
			return []Finding{ok("token", "the token %s lets this machine in, says %s", t.ID, f.called(d.Addr))}
		case no.Code == core.CodeDenied || no.Code == core.CodeBadInput:
			return []Finding{bad("token", "%s", no.Message).because("so says %s", f.called(d.Addr)).mend(orElse(no.Hint, fresh))}
		}
		return []Finding{warn("token", "%s cannot judge the token now: %s", f.called(d.Addr), no.Message).mend(orElse(no.Hint, "try again in a moment"))}
	}
	if f.Now.After(t.Expiry) {
		return []Finding{bad("token", "the token %s expired at %s, by this machine's clock", t.ID, t.Expiry.UTC().Format(time.RFC3339)).mend(fresh)}
	}
	if slices.ContainsFunc(f.Doors, func(d Door) bool { return d.Seen != nil && d.Seen.Foreign && (d.Named || d.Seed) }) {
		return nil // that was told
	}
	return []Finding{warn("token", "no member of the token's cluster was found that could judge it").
		because("by its own date it is good until %s", t.Expiry.UTC().Format(time.RFC3339)).
		mend("name a member of its cluster: hb doctor --token @FILE HOST:PORT")}
}

// clock compares this machine's clock with those of the members that told theirs.
// Who differs from most is wrong; of two, nobody knows.
func (f *Facts) clock() (found []Finding) {
	var told []Door
	for _, d := range f.Doors {
		if d.Seen != nil && d.Seen.Timed {
			told = append(told, d)
		}
	}
	if len(told) == 0 {
		return nil
	}
	off := slices.DeleteFunc(slices.Clone(told), func(d Door) bool { return d.Seen.Ahead.Abs()-d.Seen.Doubt <= clockWarn })
	if len(off) == 0 {
		return []Finding{ok("clock", "this machine's clock agrees with %s within %v", callName(told[0]), round(max(told[0].Seen.Ahead.Abs(), told[0].Seen.Doubt, time.Millisecond)))}
	}
	set := []string{"timedatectl set-ntp true, or chronyc makestep: let the clock be kept by NTP", "date -s TIME sets it once"}
	if 2*len(off) > len(told) { // this one, most likely
		d := slices.MinFunc(off, func(a, b Door) int { return int(b.Seen.Ahead.Abs() - a.Seen.Ahead.Abs()) })
		return []Finding{clockFinding(d.Seen.Ahead, "this machine's clock is %s that of %s", callName(d)).
			because("tokens and certificates begin and end by the clock, and schedules go by it").mend(set...)}
	}
	for _, d := range off {
		found = append(found, clockFinding(-d.Seen.Ahead, "the clock of "+callName(d)+" is %s that of %s", "this machine, and of most others").
			mend("on "+callName(d)+": "+set[0]))
	}
	return found
}

// clockFinding says by how much one clock is behind another.
func clockFinding(behind time.Duration, format, whose string) Finding {
	by := fmt.Sprintf("%v behind", round(behind))
	if behind < 0 {
		by = fmt.Sprintf("%v ahead of", round(-behind))
	}
	if behind.Abs() > clockBad {
		return bad("clock", format, by, whose)
	}
	return warn("clock", format, by, whose)
}

func callName(d Door) string {
	if d.Name != "" {
		return d.Name
	}
	if d.Seen != nil && d.Seen.Server.Name != "" {
		return d.Seen.Server.Name
	}
	return d.Addr
}
