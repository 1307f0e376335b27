package sim

import (
	"fmt"

	"hb/core/ledger"
	"hb/core/recovery"
	"hb/core/store"
)

// This file is what people do to the disks of hosts whose nodes do not run.

// Recover makes a host that is down the only voter of a new epoch, with the
// furthest log of it and further hosts that are down, as `hb recover` does. What
// was acknowledged in entries that none of them holds is struck from the books.
func (w *World) Recover(own int, others ...int) (*recovery.Plan, error) {
	var all []*recovery.Survivor
	for _, i := range append([]int{own}, others...) {
		if w.hosts[i].up() {
			return nil, fmt.Errorf("host %d runs", i)
		}
		copied, err := store.Copy(w.hosts[i].storage.disk)
		if err != nil {
			return nil, err
		}
		s, err := recovery.Look(copied)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	luck := w.chance(fmt.Sprintf("recovery %d at %s", own, w.now))
	plan, err := recovery.NewPlan(all, false, luck)
	switch {
	case err != nil:
		return plan, err
	case plan.Needless != "" && plan.Own.Epoch() != w.referee.ledger.Epoch():
		// A recovery that failed in its last steps had done what matters.
		w.referee.recovered(plan.Own.Index-1<<32, plan.Own.Index, plan.Own.Ledger.Encode())
		return plan, nil
	case plan.Needless != "":
		return plan, nil
	}
	if _, err := plan.Carry(w.hosts[own].storage.disk, luck); err != nil {
		return plan, err
	}
	w.trace.note(w.hosts[own], "recovered: epoch %v", plan.Epoch)
	w.referee.recovered(plan.From.Index, plan.Index, plan.From.Ledger.Encode())
	return plan, nil
}

// Rejoin puts the log of a host that is down aside, as `hb recover --rejoin` does.
func (w *World) Rejoin(i int) error {
	h := w.hosts[i]
	_, err := recovery.Rejoin(h.storage.disk, w.chance(fmt.Sprintf("rejoin %d at %s", i, w.now)))
	return err
}

// recovered begins new books for a new epoch: those of the old one count up to
// the last entry that was kept. Executions stay, so that no fence is used twice.
func (r *referee) recovered(kept, begin uint64, body []byte) {
	s, err := ledger.Decode(body)
	if err != nil {
		r.check("a recovered ledger can be read", err)
		return
	}
	r.ledger, r.log = s, logBook{first: begin + 1}
	r.leaders, r.reads = leaderBook{}, readBook{}
	r.tasks = taskBook{}
	for _, t := range s.Tasks() {
		r.check("a task has one final record, and its grants only advance", r.tasks.see(t))
	}
	var open []promise
	for _, p := range r.promises.open {
		if p.index <= kept && !p.task.IsZero() {
			open = append(open, p)
		}
	}
	r.promises.open = open
	var unproven []*child
	for _, k := range r.runs.unproven {
		if k.Fence.Index() <= kept {
			unproven = append(unproven, k)
		}
	}
	r.runs.unproven = unproven
	r.settle()
}

// Backup copies the disk of a host that is down.
func (w *World) Backup(i int) *Disk {
	return w.hosts[i].storage.disk.Copy(w.chance(fmt.Sprintf("backup %d at %s", i, w.now)))
}

// PutBack gives a host that is down the disk of a backup: its own, or another
// host's.
func (w *World) PutBack(i int, disk *Disk) {
	w.hosts[i].storage.disk = disk.Copy(w.chance(fmt.Sprintf("put back %d at %s", i, w.now)))
}
