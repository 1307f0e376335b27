package node

import (
	"strings"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/runner"
	"hb/core/wire"
)

// offerAgain is how long this node waits before it says once more what it runs,
// when the log did not take it.
const offerAgain = time.Second

// offering is this node's word on what it runs, on its way to the log.
type offering struct {
	flying bool
	again  core.Instant
}

// offer has the log say what this node runs: it may have another configuration
// than when it last ran. Without a word it is taken to run any command.
func (n *Node) offer() {
	if n.now < n.offering.again || !n.offerDue() {
		return
	}
	n.offering.flying = true
	n.offering.again = n.now.Add(offerAgain)
	o := n.ledger.Offerable(n.opts.Offer)
	o.Node = uint64(n.self.id)
	n.propose(&wire.Command{Body: &wire.Command_Offer{Offer: o}}, func(a answer) {
		n.offering.flying = false
		n.offering.again = n.now.Add(offerAgain)
		if f := answerFault(a); f != nil && f.Code != core.CodeNoQuorum && f.Code != core.CodeTimeout {
			n.log(true, "the log does not take what this node runs: "+f.Message)
		}
	})
}

// reconfigured takes over other options. The log hears of the offer with the same
// step.
func (n *Node) reconfigured(ev Reconfigured) {
	n.opts.Slots, n.opts.Offer = max(1, ev.Slots), ev.Offer
	n.runners.do(n.now, runner.Resized{Slots: n.opts.Slots})
	n.reportLoad(true)
}

// OfferText says in words what a member runs, behind its name and "runs".
func OfferText(o *wire.Offer) string {
	words := []string{}
	if o.Free {
		words = append(words, "any command")
	}
	for _, d := range o.Tasks {
		words = append(words, d.Name)
	}
	if len(words) == 0 {
		words = append(words, "nothing")
	}
	text := strings.Join(words, ", ")
	for _, u := range o.Unable {
		text += "; " + UnableText(u)
	}
	return text
}

// UnableText says what a member cannot run, and why, behind its name.
func UnableText(u *wire.Unable) string {
	words := []string{}
	if u.GetFree() {
		words = append(words, "any command")
	}
	return "cannot run " + strings.Join(append(words, u.GetTasks()...), ", ") + ": " + u.GetWhy()
}

// commandText is what a spec has run: a command, or a task and its arguments.
func commandText(spec *wire.Spec) string {
	if len(spec.GetArgv()) > 0 {
		return strings.Join(spec.Argv, " ")
	}
	return strings.Join(append([]string{spec.GetName()}, spec.GetArgs()...), " ")
}

// offered says whether the log says what this node runs, as far as it can.
func (n *Node) offered() bool {
	m, known := n.ledger.Member(n.self.id)
	return n.ledger.Features() < core.FeaturesNamedTasks || known && ledger.SameOffer(m.Offer, n.ledger.Offerable(n.opts.Offer))
}

// offerDue says whether that is to be mended.
func (n *Node) offerDue() bool {
	m, known := n.ledger.Member(n.self.id)
	return known && m.State == ledger.Up && !n.offering.flying && n.life.leaving == 0 && !n.offered()
}

// nextOffer is when offer has something to do.
func (n *Node) nextOffer() core.Instant {
	if n.offerDue() {
		return n.offering.again
	}
	return core.Never
}
