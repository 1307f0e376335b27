package agree

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
)

// desk is a filter with its clock.
type desk struct {
	*Machine
	now core.Instant
}

func newDesk() *desk { return &desk{Machine: New(time.Second), now: core.Instant(time.Hour)} }

// look shows standings to the filter of a leader that hears others, and gives
// what it wants in words.
func (d *desk) look(standings ...Standing) string {
	return d.see(Look{Standings: standings, Peers: 2})
}

func (d *desk) see(l Look) string {
	var words []string
	for _, f := range d.Step(d.now, l) {
		switch f := f.(type) {
		case Ask:
			words = append(words, fmt.Sprintf("ask %d", f.ID))
		case Roll:
			words = append(words, "roll")
		case Down:
			var ids []uint64
			for _, id := range f.IDs {
				ids = append(ids, uint64(id))
			}
			words = append(words, fmt.Sprint("down ", ids))
		}
	}
	return fmt.Sprint(words)
}

func (d *desk) tell(ev Event) { d.Step(d.now, ev) }

func (d *desk) wait(periods float64) {
	d.now = d.now.Add(time.Duration(periods * float64(time.Second)))
}

func suspect(id core.NodeID, accusers ...core.NodeID) Standing {
	return Standing{ID: id, Instance: 1, Accusers: accusers}
}

func dead(id core.NodeID, accusers ...core.NodeID) Standing {
	return Standing{ID: id, Instance: 1, Accusers: accusers, Dead: true}
}

func (d *desk) wants(t *testing.T, want string, standings ...Standing) {
	t.Helper()
	if got := d.look(standings...); got != want {
		t.Errorf("it wants %s, not %s", got, want)
	}
}

func TestWhomTwoFoundDeadIsDownOnceAllOthersAnswered(t *testing.T) {
	d := newDesk()
	d.wants(t, "[roll]", dead(7, 2, 3))
	d.wants(t, "[]", dead(7, 2, 3))
	d.tell(RollOver{})
	d.wants(t, "[down [7]]", dead(7, 2, 3))
}

func TestOneAccuserAloneGetsNobodyDown(t *testing.T) {
	d := newDesk()
	for range 20 {
		if got := d.look(dead(7, 2)); got != "[]" && got != "[ask 7]" {
			t.Fatal(got)
		}
		d.wait(1)
	}
}

func TestWhoCountsOnlyIsAsked(t *testing.T) {
	d := newDesk()
	d.wants(t, "[ask 7]", dead(7, 2))
	d.tell(Said{ID: 7, By: 2})
	d.wants(t, "[]", dead(7, 2)) // the accuser again
	d.tell(Said{ID: 7, By: 1})
	d.wants(t, "[roll]", dead(7, 2))
	d.tell(RollOver{})
	d.wants(t, "[down [7]]", dead(7, 2))
}

func TestAnAnswerDeniesADeathUntilItIsAskedForAgain(t *testing.T) {
	d := newDesk()
	d.wants(t, "[ask 7]", dead(7, 2))
	d.tell(Said{ID: 7, By: 1})
	d.tell(Said{ID: 7, By: 3, Answered: true})
	d.wants(t, "[roll]", dead(7, 2))
	d.tell(RollOver{})
	d.wants(t, "[]", dead(7, 2))
	d.wait(2)
	d.wants(t, "[ask 7]", dead(7, 2))
	d.tell(Said{ID: 7, By: 1})
	d.tell(Said{ID: 7, By: 3})
	d.wants(t, "[down [7]]", dead(7, 2))
}

func TestWhomTheLeaderHeardLatelyIsAskedWhateverOthersSay(t *testing.T) {
	d := newDesk()
	heard := dead(7, 2, 3, 4)
	heard.Heard = true
	d.wants(t, "[ask 7 roll]", heard)
	d.tell(RollOver{})
	d.wants(t, "[]", heard)
	d.tell(Said{ID: 7, By: 1})
	d.wants(t, "[]", heard)
	d.tell(Said{ID: 7, By: 5})
	d.wants(t, "[down [7]]", heard)
}

func TestAmongTwoOneVoiceIsAllThereIs(t *testing.T) {
	d := newDesk()
	if got := d.see(Look{Standings: []Standing{dead(7, 1)}}); got != "[roll]" {
		t.Error(got)
	}
	d.tell(RollOver{})
	if got := d.see(Look{Standings: []Standing{dead(7, 1)}}); got != "[down [7]]" {
		t.Error(got)
	}
}

func TestWhatFailsTogetherIsAgreedOnTogether(t *testing.T) {
	d := newDesk()
	d.wants(t, "[roll]", suspect(7, 2, 3), suspect(8, 4)) // before anybody is dead
	d.wait(1.5)
	d.tell(RollOver{})
	d.wants(t, "[]", dead(7, 2, 3), suspect(8, 4, 5), suspect(9, 1, 6))
	d.wait(1)
	d.wants(t, "[]", dead(7, 2, 3), dead(8, 4, 5), suspect(9, 1, 6))
	d.wait(0.2)
	d.wants(t, "[down [7 8 9]]", dead(7, 2, 3), dead(8, 4, 5), dead(9, 1, 6))
}

func TestWhoRefutesHoldsNothingUpAnyMore(t *testing.T) {
	d := newDesk()
	d.wants(t, "[roll]", dead(7, 2, 3), suspect(8, 4))
	d.tell(RollOver{})
	d.wants(t, "[]", dead(7, 2, 3), suspect(8, 4))
	d.wants(t, "[down [7]]", dead(7, 2, 3))
}

func TestALoneDoubtHoldsUpACertaintyForFourPeriodsAtMost(t *testing.T) {
	d := newDesk()
	d.wants(t, "[roll]", dead(7, 2, 3), suspect(8, 4))
	begun := d.now
	d.tell(RollOver{})
	for d.look(dead(7, 2, 3), suspect(8, 4)) == "[]" {
		if d.Next() <= d.now {
			t.Fatal("it spins")
		}
		d.now = d.Next()
		if d.now.Sub(begun) > 4*time.Second {
			t.Fatal("held up for longer")
		}
	}
	d.wants(t, "[roll]", dead(9, 2, 3), suspect(8, 4)) // the old doubt holds nothing up
	d.tell(RollOver{})
	d.wants(t, "[down [9]]", dead(9, 2, 3), suspect(8, 4))
}

func TestASharedDoubtHoldsUpACertaintyForFivePeriodsAtMost(t *testing.T) {
	d := newDesk()
	d.wants(t, "[roll]", dead(7, 2, 3), suspect(8, 4, 5))
	d.tell(RollOver{})
	d.wait(4.9)
	d.wants(t, "[]", dead(7, 2, 3), suspect(8, 4, 5))
	d.wait(0.1)
	d.wants(t, "[down [7]]", dead(7, 2, 3), suspect(8, 4, 5))
}

func TestANewIncarnationIsANewCase(t *testing.T) {
	d := newDesk()
	d.wants(t, "[ask 7]", dead(7, 2))
	d.tell(Said{ID: 7, By: 1})
	again := dead(7, 2)
	again.Incarnation = 1
	d.wants(t, "[ask 7]", again)
	d.tell(Said{ID: 8, By: 1}) // of nobody in question
}

// Whatever is shown to it, and whatever is said, nobody goes down without as
// many voices as it takes, nobody who is not dead in the weak view, and nobody
// waits for ever.
func TestTheFilterKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDesk()
		voices := map[core.NodeID]map[core.NodeID]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			var l Look
			l.Peers = rapid.IntRange(1, 3).Draw(t, "peers")
			for id := core.NodeID(10); id < 14; id++ {
				if !rapid.Bool().Draw(t, "silent") {
					delete(voices, id)
					continue
				}
				s := Standing{ID: id, Instance: 1, Dead: rapid.Bool().Draw(t, "dead"), Heard: rapid.Bool().Draw(t, "heard")}
				for _, by := range rapid.SliceOfNDistinct(rapid.Uint64Range(1, 5), 0, 3, rapid.ID[uint64]).Draw(t, "accusers") {
					s.Accusers = append(s.Accusers, core.NodeID(by))
				}
				if voices[id] == nil {
					voices[id] = map[core.NodeID]bool{}
				}
				for _, by := range s.Accusers {
					voices[id][by] = true
				}
				l.Standings = append(l.Standings, s)
			}
			for _, f := range d.Step(d.now, l) {
				down, ok := f.(Down)
				for i := 0; ok && i < len(down.IDs); i++ {
					at := slices.IndexFunc(l.Standings, func(s Standing) bool { return s.ID == down.IDs[i] })
					if at < 0 || !l.Standings[at].Dead || len(voices[down.IDs[i]]) < High {
						t.Fatalf("%d goes down", down.IDs[i])
					}
				}
			}
			if d.Next() <= d.now {
				t.Fatal("it spins")
			}
			if rapid.Bool().Draw(t, "said") {
				s := Said{ID: core.NodeID(rapid.IntRange(10, 13).Draw(t, "of")), By: core.NodeID(rapid.IntRange(1, 5).Draw(t, "by"))}
				d.tell(s)
				if voices[s.ID] != nil {
					voices[s.ID][s.By] = true
				}
			}
			if rapid.Bool().Draw(t, "over") {
				d.tell(RollOver{})
			}
			d.wait(rapid.Float64Range(0, 3).Draw(t, "pass"))
		}
	})
}

func TestTheUnsteadyAreDownTogetherOnceNobodyWavers(t *testing.T) {
	d := newDesk()
	wavering := Standing{ID: 8, Instance: 1, Wavering: true, Accusers: []core.NodeID{2}}
	d.wants(t, "[]", Standing{ID: 7, Instance: 1, Unsteady: true}, wavering)
	d.wait(doubt + 0.5)
	d.wants(t, "[]", Standing{ID: 7, Instance: 1, Unsteady: true}, wavering)
	wavering.Wavering, wavering.Unsteady = false, true
	d.wants(t, "[down [7 8]]", Standing{ID: 7, Instance: 1, Unsteady: true}, wavering)
}

func TestWhoWaversHoldsTheUnsteadyUpForABoundedTimeOnly(t *testing.T) {
	d := newDesk()
	wavering := Standing{ID: 8, Instance: 1, Wavering: true}
	d.wants(t, "[]", Standing{ID: 7, Instance: 1, Unsteady: true}, wavering)
	d.wait(patience)
	d.wants(t, "[down [7]]", Standing{ID: 7, Instance: 1, Unsteady: true}, wavering)
}

func TestTheDeadAndTheUnsteadyAreTwoCommands(t *testing.T) {
	d := newDesk()
	d.look(dead(6, 2, 3))
	d.tell(RollOver{})
	d.wants(t, "[down [6] down [7]]", dead(6, 2, 3), Standing{ID: 7, Instance: 1, Unsteady: true})
}
