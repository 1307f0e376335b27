package daemon

import (
	"fmt"

	"hb/core"
	"hb/core/node"
)

// keepReloading reads the configuration again whenever that is wished, until the
// node ends.
func (d *daemon) keepReloading() {
	if d.options.Reload == nil {
		return
	}
	for {
		select {
		case <-d.options.Reload.Wishes:
			d.herald.reloading()
			d.reload()
			d.herald.reloaded()
		case <-d.ctx.Done():
			return
		}
	}
}

// reload takes over what a running node can. A configuration with a fault changes
// nothing.
func (d *daemon) reload() {
	s, remarks, err := d.options.Reload.Read()
	if err == nil {
		err = d.takeOver(s)
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
func (d *daemon) takeOver(s Settings) error {
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
	may := openDefinitions(&o, d.logger.line)
	d.gate.Store(&gate)
	d.seeds.Store(&o.Seeds)
	taken := make(chan struct{})
	d.queue.put(input{ev: node.Reconfigured{Slots: o.Slots, Offer: may.offer()}, done: func() {
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
