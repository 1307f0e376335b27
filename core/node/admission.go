package node

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// Notary is what can be done with the private key of the cluster's authority, for
// a voter that holds it. A driver gives one to a node with credentials. It may
// take as long as a signature does.
type Notary interface {
	// Open takes the key up: as the log has it, sealed to this node's own.
	Open(authority, sealed []byte) error
	// Close puts it away.
	Close()
	// Certify makes a member's certificate, at a Unix time in nanoseconds, and
	// says when it ends.
	Certify(c *wire.Credential, wall int64) (certificate []byte, until int64, err error)
	// SealFor seals the key to another voter's wrapping key.
	SealFor(wrap []byte) ([]byte, error)
}

// admission is a node's part in letting machines in. Any member takes an Enroll
// and proposes an Admit; the log judges it; a voter that holds the authority's key
// makes the certificate, which the log brings to whoever waits for it. The same
// way each member gets its next certificate, and each new voter the key.
type admission struct {
	waiting []*enrolling
	opened  []byte       // the sealed key that the notary has open; empty: none
	look    core.Instant // when there may be something to do
	until   int64        // Unix time at which this node's own certificate ends; 0: it has none
	asked   core.Instant // when it last asked for another; 0: never
	ended   bool         // it was said that it has ended
	refused string       // what the notary last complained of
	flying  int          // proposals of its own that are on their way
}

// enrolling is one machine that is let in and waits for its certificate.
type enrolling struct {
	id    uint64 // the request
	admit *wire.Admit
	limit core.Instant
}

const (
	// certifyLimit is how long whoever was let in waits for its certificate.
	certifyLimit = 4 * time.Second
	// certifyAgain is how long the notary is left alone after a complaint.
	certifyAgain = 2 * time.Second
	// renewLook is how often a member looks at the end of its certificate, and
	// renewAgain how often it asks for another.
	renewLook  = time.Hour
	renewAgain = time.Minute
)

// TryEnroll is the request whether Enroll would let a machine in; it changes nothing.
// The machine's ID and keys may be left out. Answered by nothing, if it would.
type TryEnroll struct {
	Admit *wire.Admit
	// Unread is that of Enroll.
	Unread bool
}

func (TryEnroll) request() {}

// serveEnrolling answers those whose certificate the log has brought here.
func (n *Node) serveEnrolling() {
	n.admission.waiting = without(n.admission.waiting, func(w *enrolling) bool {
		c, known := n.ledger.Credential(core.NodeID(w.admit.Node))
		switch {
		case known && len(c.Certificate) > 0 && bytes.Equal(c.SignKey, w.admit.SignKey):
			n.reply(w.id, EnrolledView{Certificate: c.Certificate, Cluster: n.clusterView(), Detector: n.opts.Detector}, true)
		case n.now >= w.limit:
			n.reply(w.id, core.Faultf(core.CodeNoQuorum, "let in, but no voter that holds the authority's key has made the certificate yet").
				WithHint("try again with the same token: this machine is counted once"), true)
		default:
			return false
		}
		return true
	})
}

// askTokens shows the join tokens.
func (n *Node) askTokens(id uint64) {
	n.readIndex(true, func(res readResult) {
		if !res.ok {
			n.reply(id, n.noQuorum(), true)
			return
		}
		n.reply(id, n.tokensView(), true)
	})
}

func (n *Node) tokensView() TokensView {
	return TokensView{Authority: n.ledger.Authority(), Tokens: n.ledger.Tokens(), Wall: n.wall()}
}

// changeToken proposes a command about a token, and shows what there is then.
func (n *Node) changeToken(id uint64, q ChangeToken) {
	n.propose(q.Command, func(a answer) {
		if f := answerFault(a); f != nil {
			n.reply(id, f, true)
			return
		}
		n.askTokens(id)
	})
}

// touchesAdmission says whether an outcome may leave something to be done here.
func touchesAdmission(c *wire.Command) bool {
	switch c.GetBody().(type) {
	case *wire.Command_Admit, *wire.Command_Certify, *wire.Command_Recertify, *wire.Command_Entrust:
		return true
	}
	return false
}

// keepAdmission does what there is to do about certificates and the key.
func (n *Node) keepAdmission() {
	if n.opts.Notary == nil || !n.self.joined || n.now < n.admission.look {
		return
	}
	n.admission.look = n.now.Add(renewLook)
	n.keepKey()
	n.keepCertificate()
	if n.admission.flying == 0 && n.signs() {
		n.certifyPending()
		n.entrustVoters()
	}
}

// lookSoon has keepAdmission look again after a while, or earlier.
func (n *Node) lookSoon(after time.Duration) {
	n.admission.look = core.Earlier(n.admission.look, n.now.Add(after))
}

// nextAdmission is when there is something to do or to answer.
func (n *Node) nextAdmission() core.Instant {
	next := core.Never
	if n.opts.Notary != nil && n.self.joined {
		next = n.admission.look
	}
	for _, w := range n.admission.waiting {
		next = core.Earlier(next, w.limit)
	}
	return next
}

// keepKey opens the authority's key while this node votes and the log has it for
// this node, and else puts it away.
func (n *Node) keepKey() {
	a := &n.admission
	c, _ := n.ledger.Credential(n.self.id)
	sealed := c.GetAuthority()
	if !n.votes() {
		sealed = nil
	}
	if bytes.Equal(sealed, a.opened) {
		return
	}
	n.opts.Notary.Close()
	a.opened = nil
	if len(sealed) == 0 {
		return
	}
	if err := n.opts.Notary.Open(n.ledger.Authority(), sealed); err != nil {
		n.complainOfNotary("the authority's key cannot be opened", err)
		return
	}
	a.opened = sealed
}

// complainOfNotary tells a fault of the notary, once, and has it asked again.
func (n *Node) complainOfNotary(what string, err error) {
	n.lookSoon(certifyAgain)
	if text := fmt.Sprintf("%s: %v", what, err); text != n.admission.refused {
		n.admission.refused = text
		n.log(true, text)
	}
}

// keepCertificate has the driver keep a later certificate that the log brings, and
// asks for one in time.
func (n *Node) keepCertificate() {
	a := &n.admission
	c, known := n.ledger.Credential(n.self.id)
	if a.until == 0 || !known {
		return
	}
	if len(c.Certificate) > 0 && c.UntilNanos > a.until {
		a.until = c.UntilNanos
		n.put(SaveCertificate{Certificate: c.Certificate})
		n.log(false, "this node's certificate was renewed, until "+core.Stamp(a.until))
		return
	}
	n.tellEnd()
	if n.clock == 0 || len(c.Certificate) == 0 || n.wall() < a.until-int64(n.opts.RenewBefore) {
		return
	}
	n.lookSoon(renewAgain)
	if a.asked != 0 && n.now < a.asked.Add(renewAgain) {
		return
	}
	a.asked = n.now
	ask := &wire.Recertify{Node: uint64(n.self.id), UntilNanos: c.UntilNanos}
	n.propose(&wire.Command{Body: &wire.Command_Recertify{Recertify: ask}}, func(answer) {})
}

// certificateEnd says that this node's certificate has ended, and what to do about
// it; empty while it holds. A node that was cut off for long, or slept, finds
// itself so: nobody opens a stream to it or takes one from it. It goes on, since
// the clock may be what is wrong.
func (n *Node) certificateEnd() (why, hint string) {
	left := time.Duration(n.admission.until - n.wall())
	if n.admission.until == 0 || n.clock == 0 || left > 0 {
		return "", ""
	}
	return "this node's certificate ended at " + core.Stamp(n.admission.until),
		"stop the node, hb join TOKEN with a token of a member's hb token create, which renews it under the same ID, and start it again; or the clock is wrong"
}

// tellEnd logs that, once, and has it looked at when it is due.
func (n *Node) tellEnd() {
	a := &n.admission
	why, hint := n.certificateEnd()
	switch {
	case why == "":
		a.ended = false
		n.lookSoon(time.Duration(a.until - n.wall()))
	case !a.ended:
		a.ended = true
		n.log(true, why+": no stream reaches it or leaves it; "+hint)
	}
}

// signs says whether this node is the one to make certificates: the leader, or
// while that does not hold the key, the first voter that does and lives. If two
// think so, the log takes the first.
func (n *Node) signs() bool {
	leader := n.leader().id
	if len(n.admission.opened) == 0 || leader == 0 {
		return false
	}
	if c, _ := n.ledger.Credential(leader); leader == n.self.id || len(c.GetAuthority()) > 0 {
		return leader == n.self.id
	}
	for _, c := range n.ledger.Credentials() {
		id := core.NodeID(c.Node)
		row, seen := n.membership.Table().Get(id)
		if len(c.Authority) > 0 && seen && row.Living() {
			return id == n.self.id
		}
	}
	return false
}

// certifyPending makes the certificates that somebody waits for.
func (n *Node) certifyPending() {
	for _, c := range n.ledger.Credentials() {
		if len(c.Certificate) > 0 {
			continue
		}
		certificate, until, err := n.opts.Notary.Certify(c, n.wall())
		if err != nil {
			n.complainOfNotary("no certificate for "+c.Name, err)
			continue
		}
		made := &wire.Certify{Node: c.Node, SignKey: c.SignKey, Certificate: certificate, UntilNanos: until}
		n.proposeOwn(&wire.Command{Body: &wire.Command_Certify{Certify: made}})
	}
}

// entrustVoters seals the authority's key to voters that do not have it, and takes
// it from members that do not vote any more.
func (n *Node) entrustVoters() {
	for _, c := range n.ledger.Credentials() {
		raft, _ := n.raftOf(core.NodeID(c.Node))
		votes := slices.Contains(n.replog.Voters(), raft)
		if votes == (len(c.Authority) > 0) {
			continue
		}
		trust := &wire.Entrust{Node: c.Node, WrapKey: c.WrapKey}
		if votes {
			sealed, err := n.opts.Notary.SealFor(c.WrapKey)
			if err != nil {
				n.complainOfNotary("the authority's key cannot be sealed for "+c.Name, err)
				continue
			}
			trust.Sealed = sealed
		}
		n.proposeOwn(&wire.Command{Body: &wire.Command_Entrust{Entrust: trust}})
	}
}

// proposeOwn proposes what nobody here waits for, and looks again what came of it.
func (n *Node) proposeOwn(c *wire.Command) {
	n.admission.flying++
	n.propose(c, func(answer) {
		n.admission.flying--
		n.lookSoon(0)
	})
}

// admissionApplied looks after an outcome whether there is something to do.
func (n *Node) admissionApplied(o *ledger.Outcome) {
	if touchesAdmission(o.Command) {
		n.admission.look = n.now
	}
}
