package dispatch

import (
	"strings"
	"testing"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

func TestTasksGoOnlyToMembersThatOfferThem(t *testing.T) {
	d := newDesk(t, 9, 9, 9)
	raised := []*wire.Command{}
	for id := uint64(1); id <= 3; id++ {
		c := up(id, 2)
		c.GetMemberUp().Rows[0].Features = uint32(core.FeaturesNow)
		raised = append(raised, c)
	}
	d.apply(append(raised, &wire.Command{Body: &wire.Command_RaiseFeatures{RaiseFeatures: &wire.RaiseFeatures{To: uint32(core.FeaturesNamedTasks)}}})...)
	for id := uint64(1); id <= 3; id++ {
		d.hear(id, 9, 0)
	}
	offer := func(node uint64, free bool, tasks ...*wire.Definition) {
		d.apply(&wire.Command{Proposer: node, Body: &wire.Command_Offer{Offer: &wire.Offer{Node: node, Free: free, Tasks: tasks}}})
	}
	offer(1, false, &wire.Definition{Name: "backup"})
	offer(2, false, &wire.Definition{Name: "backup", Args: true})
	for _, c := range []struct {
		spec *wire.Spec
		want string
	}{
		{&wire.Spec{Name: "true", Argv: []string{"true"}}, "3"},
		{&wire.Spec{Name: "true", Argv: []string{"true"}}, "3"},
		{&wire.Spec{Name: "backup", Args: []string{"x"}}, "2"},
		{&wire.Spec{Name: "backup"}, "12"},
		{&wire.Spec{Name: "backup", Args: []string{"x"}}, "2"},
		{&wire.Spec{Name: "backup"}, "12"},
	} {
		e := d.Explain(d.now, c.spec, core.TaskID{})
		if to := string(rune('0' + e.Choice)); !strings.Contains(c.want, to) {
			t.Errorf("%v goes to %s, not to one of %s", c.spec, to, c.want)
		}
	}
	// They wait in lanes of their own: one that nobody can take holds up no other.
	offer(3, false)
	d.submit(1, &wire.Spec{Name: "true", Argv: []string{"true"}})
	d.submit(2, &wire.Spec{Name: "backup"})
	d.settle()
	if d.task(1).Status != ledger.Queued || d.task(2).Status != ledger.Assigned {
		t.Fatalf("%v, %v", d.task(1), d.task(2))
	}
	if why := d.Explain(d.now, d.task(1).Spec, tid(1)).Waits; !strings.Contains(why, "runs no free commands") {
		t.Errorf("it waits because %q", why)
	}
	offer(3, true)
	d.settle()
	if d.on(1) != 3 {
		t.Errorf("once somebody runs it again: %v", d.task(1))
	}
}
