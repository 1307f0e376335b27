package membership_test

import (
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/membership"
	"hb/core/wire"
)

// accuse lets a member's accusation reach the first node, as often as said, every
// second; the accused refutes each.
func (l *lab) accuse(of *station, times int, by ...*station) {
	for i := range times {
		row, _ := l.nodes[0].m.Table().Get(of.id)
		accuser := by[i%len(by)]
		l.step(l.nodes[0], membership.Packet{From: accuser.addr, P: &wire.Packet{
			Kind: wire.KindBulletin, Cluster: tag, From: accuser.id, Instance: 1, News: []wire.News{{
				ID: of.id, Status: core.Suspect, Instance: 1, Incarnation: row.Incarnation, Accuser: accuser.id, Why: wire.ReasonSilent,
			}},
		}})
		l.run(time.Second)
	}
}

func (l *lab) steadiness(of *station) membership.Steadiness {
	return l.nodes[0].m.Steadiness(l.now, of.id)
}

func TestWhoIsAccusedAgainAndAgainByManyIsUnsteadyUntilAllIsCalm(t *testing.T) {
	l := cluster(t, 1, 12)
	victim := l.nodes[5]
	for i, want := range []membership.Steadiness{membership.Steady, membership.Wavering, membership.Wavering, membership.Unsteady} {
		l.accuse(victim, 1, l.nodes[6+i])
		if got := l.steadiness(victim); got != want {
			t.Errorf("after %d accusations it is %s, not %s", i+1, got, want)
		}
	}
	if status := l.nodes[0].status(victim); status != core.Alive {
		t.Errorf("it is %s", status)
	}
	if by := l.nodes[0].m.Unrest(l.now, victim.id); len(by) != 4 {
		t.Errorf("accusers %v", by)
	}
	if notes := strings.Join(l.nodes[0].notes, "\n"); strings.Count(notes, "n6 is unsteady") != 1 {
		t.Errorf("notes: %s", notes)
	}
	l.run(25 * time.Second)
	if got := l.steadiness(victim); got != membership.Unsteady {
		t.Errorf("25 s later it is %s", got)
	}
	l.run(8 * time.Second)
	if got := l.steadiness(victim); got != membership.Steady || l.nodes[0].m.Unrest(l.now, victim.id) != nil {
		t.Errorf("33 s later it is %s", got)
	}
}

func TestOneAccuserMakesNobodyUnsteady(t *testing.T) {
	l := cluster(t, 1, 12)
	l.accuse(l.nodes[5], 12, l.nodes[6])
	if got := l.steadiness(l.nodes[5]); got != membership.Steady {
		t.Errorf("it is %s", got)
	}
}

func TestWhereManyAreAccusedNobodyIsUnsteady(t *testing.T) {
	l := cluster(t, 1, 12)
	for i, victim := range l.nodes[1:6] {
		l.accuse(victim, 1, l.nodes[6+i])
	}
	l.accuse(l.nodes[5], 4, l.nodes[7:]...)
	if got := l.steadiness(l.nodes[5]); got != membership.Steady {
		t.Errorf("it is %s", got)
	}
}

func TestARestartIsANewBeginning(t *testing.T) {
	l := cluster(t, 1, 12)
	victim := l.nodes[5]
	l.accuse(victim, 4, l.nodes[7:]...)
	if got := l.steadiness(victim); got != membership.Unsteady {
		t.Fatalf("it is %s", got)
	}
	disk := victim.m.Table().ToWire(l.now)
	l.start(victim, 2, tag)
	l.step(victim, membership.Rows{Rows: disk})
	l.run(time.Second)
	if got := l.steadiness(victim); got != membership.Steady {
		t.Errorf("restarted, it is %s", got)
	}
}
