package judge

import (
	"fmt"
	"slices"
	"strings"
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
