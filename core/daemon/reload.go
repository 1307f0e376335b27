package daemon

import (
	"fmt"
	"os"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
)

// usersEvery is how often a user that tasks need and that was not there is looked
// for again: soon enough for whoever has just made it, and cheap, since only a
// machine that lacks one looks.
const usersEvery = 3 * time.Second

// groupEvery is the same for the socket's group: whoever is put into it has to log in
// again anyway.
const groupEvery = 15 * time.Second

// keepReloading reads the configuration again whenever that is wished, and looks
// for users and a group that were missing, until the node ends.
func (d *daemon) keepReloading(may definitions) {
	o := d.options
	var wishes <-chan os.Signal
	if o.Reload != nil {
		wishes = o.Reload.Wishes
	}
	for {
		var again <-chan time.Time
		switch {
		case len(may.offer().Unable) > 0:
			again = time.After(usersEvery)
		case d.gate.Load().awaits != "":
			again = time.After(groupEvery)
		}
		select {
		case <-wishes:
			d.herald.reloading()
			d.reload(&o, &may)
			d.herald.reloaded()
		case <-again:
			d.lookAgain(&o, &may)
		case <-d.ctx.Done():
			return
		}
	}
}

// reload takes over what a running node can. A configuration with a fault changes
// nothing.
func (d *daemon) reload(o *Options, may *definitions) {
	s, remarks, err := o.Reload.Read()
	if err == nil {
		err = d.takeOver(s, o, may)
	}
	if err != nil {
		d.logger.line(true, fmt.Sprintf("the configuration stays as it was: %v", err))
		return
	}
	for _, remark := range remarks {
		d.logger.line(false, remark)
	}
}

// takeOver gives the node its new settings, and returns when they hold.
func (d *daemon) takeOver(s Settings, holds *Options, may *definitions) error {
	o := d.options
	o.Slots, o.Tasks, o.AllowExec, o.Seeds = s.Slots, s.Tasks, s.AllowExec, s.Seeds
	s.Access.Group = o.Access.Group
	o.Access = s.Access
	if fault := o.complete(); fault != nil {
		return fault
	}
	gate, fault := openGate(&o, d.logger.line)
	if fault != nil {
		return fault
	}
	next := openDefinitions(&o, d.logger.line)
	d.judgeBy(&gate)
	d.seeds.Store(&o.Seeds)
	*holds, *may = o, next
	return d.reconfigure(o.Slots, next)
}

// lookAgain looks for users, and for the group of the socket, that were missing.
func (d *daemon) lookAgain(o *Options, may *definitions) {
	if d.gate.Load().come() {
		if gate, fault := openGate(o, d.logger.line); fault == nil {
			d.judgeBy(&gate)
		}
	}
	next := may.lookedUp()
	if ledger.SameOffer(next.offer(), may.offer()) {
		return
	}
	*may = next
	d.logger.line(false, "the users of tasks are others now; this node runs "+node.OfferText(next.offer()))
	_ = d.reconfigure(o.Slots, next) // it fails only when the node stops
}

// reconfigure gives the node what it may run, and returns when that holds.
func (d *daemon) reconfigure(slots int, may definitions) error {
	taken := make(chan struct{})
	d.queue.put(input{ev: node.Reconfigured{Slots: slots, Offer: may.offer()}, done: func() {
		d.tasks.may = may
		close(taken)
	}})
	select {
	case <-taken:
		return nil
	case <-d.queue.done:
		return core.Faultf(core.CodeBusy, "the node stops")
	}
}
