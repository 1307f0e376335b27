package spread_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/member"
	"hb/core/spread"
	"hb/core/wire"
)

func row(id core.NodeID, status core.Status) member.Row {
	return member.Row{
		ID: id, Name: fmt.Sprintf("n%d", id), Instance: 1, Status: status,
		Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), 7117),
	}
}

// table holds members 1 (itself) to n, alive.
func table(n int) *member.Table {
	t := member.New(row(1, core.Alive))
	for id := 2; id <= n; id++ {
		t.Merge(1, member.Evidence{Row: row(core.NodeID(id), core.Alive)})
	}
	return t
}

func accusation(id, accuser core.NodeID) member.Row {
	r := row(id, core.Suspect)
	r.Accuser, r.Why = accuser, wire.ReasonSilent
	return r
}

// fill puts news on an empty packet and names it: ID and first letter of the
// status, in order.
func fill(q *spread.Queue, t *member.Table, to core.NodeID) string {
	p := wire.Packet{Kind: wire.KindBulletin, From: 1}
	spread.Remind(&p, t, to)
	q.Fill(&p, t, to)
	var names []string
	for _, n := range p.News {
		names = append(names, fmt.Sprintf("%d%c", n.ID, n.Status.String()[0]))
	}
	return strings.Join(names, " ")
}

func TestNewsGoesByUrgency(t *testing.T) {
	q, members := spread.NewQueue(1), table(10)
	members.Merge(2, member.Evidence{Row: accusation(9, 2)})
	q.Push(row(4, core.Left))
	q.Push(row(5, core.Alive))
	q.Push(row(6, core.Dead))
	q.Push(row(1, core.Alive))
	if got := fill(q, members, 9); got != "9s 1a 6d 5a 4l" {
		t.Errorf("to the accused: %s", got)
	}
	if got := fill(q, members, 3); got != "1a 6d 5a 4l" {
		t.Errorf("to another: %s", got)
	}
}

func TestWithinAClassWhatWasSentLeastGoesFirst(t *testing.T) {
	q, members := spread.NewQueue(1), table(10)
	q.Push(row(5, core.Dead))
	fill(q, members, 2)
	q.Push(row(6, core.Dead))
	if got := fill(q, members, 2); got != "6d 5d" {
		t.Errorf("got %s", got)
	}
}

func TestNewsIsSentThreeTimesLnOfNPlusOneTimes(t *testing.T) {
	for _, c := range []struct{ members, limit int }{{1, 3}, {2, 4}, {5, 6}, {20, 10}, {100, 14}, {1000, 21}} {
		if got := spread.Limit(c.members); got != c.limit {
			t.Errorf("among %d: %d times, want %d", c.members, got, c.limit)
		}
		q, members := spread.NewQueue(1), table(c.members)
		q.Push(row(2000, core.Dead))
		n := 0
		for !q.Empty() {
			if fill(q, members, 3000) != "" {
				n++
			}
		}
		if n != c.limit {
			t.Errorf("among %d it was sent %d times", c.members, n)
		}
	}
}

func TestNewerNewsTakesThePlaceOfOlder(t *testing.T) {
	q, members := spread.NewQueue(1), table(10)
	q.Push(accusation(5, 2))
	q.Push(accusation(5, 3))
	if got := fill(q, members, 2); got != "5s 5s" {
		t.Errorf("two accusers: %s", got)
	}
	q.Push(accusation(5, 3))
	if got := fill(q, members, 2); got != "5s 5s" {
		t.Errorf("the same again: %s", got)
	}
	refuted := row(5, core.Alive)
	refuted.Incarnation = 1
	q.Push(refuted)
	q.Push(accusation(5, 4)) // of the incarnation before
	if got := fill(q, members, 2); got != "5a" {
		t.Errorf("refuted: %s", got)
	}
}

func TestAccusersOfOneMemberAreBounded(t *testing.T) {
	q, members := spread.NewQueue(1), table(50)
	for accuser := core.NodeID(10); accuser < 40; accuser++ {
		q.Push(accusation(5, accuser))
	}
	if got := fill(q, members, 2); got != "5s 5s 5s 5s" {
		t.Errorf("got %s", got)
	}
}

func TestAMemberIsNotToldOfItself(t *testing.T) {
	q, members := spread.NewQueue(1), table(2)
	q.Push(row(2, core.Alive))
	for range 100 {
		if got := fill(q, members, 2); got != "" {
			t.Fatalf("told %s", got)
		}
	}
	if !q.Empty() {
		t.Error("with nobody else to tell, the news never ends")
	}
}

func TestPacketsStayWithinTheirBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, members := spread.NewQueue(1), table(5)
		for id := range rapid.IntRange(0, 150).Draw(t, "rows") {
			r := row(core.NodeID(id+2), core.Status(rapid.IntRange(1, 4).Draw(t, "status")))
			r.Name = strings.Repeat("n", rapid.IntRange(1, wire.MaxName).Draw(t, "name"))
			r.Tags = map[string]string{"k": strings.Repeat("v", rapid.IntRange(0, 255).Draw(t, "tag"))}
			q.Push(r)
		}
		for range 5 {
			p := wire.Packet{Kind: wire.KindAck, From: 1, View: 1, Log: wire.LogHint{Commit: 1}, Applied: 1}
			q.Fill(&p, members, 3)
			wire.AppendPacket(nil, &p) // panics when it is too long
		}
	})
}

func TestEverythingIsSentInTheEnd(t *testing.T) {
	q, members := spread.NewQueue(1), table(5)
	want := map[string]bool{}
	for id := core.NodeID(100); id < 400; id++ {
		q.Push(row(id, core.Alive))
		want[fmt.Sprintf("%da", id)] = true
	}
	for packets := 0; !q.Empty(); packets++ {
		if packets > 1000 {
			t.Fatal("it never ends")
		}
		for _, name := range strings.Fields(fill(q, members, 2)) {
			delete(want, name)
		}
	}
	if len(want) > 0 {
		t.Errorf("never sent: %v", want)
	}
}

func TestABulletinGoesToTheAccusedAndThreeOthersEveryFiftyMilliseconds(t *testing.T) {
	q, members := spread.NewQueue(1), table(20)
	h := spread.NewHaste(rand.New(rand.NewPCG(1, 1)), spread.Gap)
	now := core.Instant(time.Hour)
	if to := h.Due(now, q, members); len(to) != 0 || h.Next(q, members) != core.Never {
		t.Errorf("without news: %v", to)
	}
	q.Push(accusation(5, 1))
	h.First(5)
	h.First(5)
	to := h.Due(now, q, members)
	if len(to) != 4 || to[0].ID != 5 {
		t.Errorf("first to %v", to)
	}
	fill(q, members, 5)
	if to := h.Due(now.Add(49*time.Millisecond), q, members); len(to) != 0 {
		t.Errorf("too soon to %v", to)
	}
	if h.Next(q, members) != now.Add(50*time.Millisecond) {
		t.Errorf("next after %s", h.Next(q, members).Sub(now))
	}
	to = h.Due(now.Add(50*time.Millisecond), q, members)
	if len(to) != 3 || slices.ContainsFunc(to, func(r member.Row) bool { return r.ID == 1 }) {
		t.Errorf("then to %v", to)
	}
}

func TestWhatIsNewDoesNotWaitButForAFewTimes(t *testing.T) {
	q, members := spread.NewQueue(1), table(20)
	h := spread.NewHaste(rand.New(rand.NewPCG(1, 1)), spread.Gap)
	now := core.Instant(time.Hour)
	sends := func() (n int) {
		for ; len(h.Due(now, q, members)) > 0; n++ {
			fill(q, members, 5)
			q.Push(accusation(core.NodeID(6+n), 1)) // there is always something new
		}
		return n
	}
	q.Push(accusation(5, 1))
	if n := sends(); n != 1+spread.Ahead || h.Next(q, members) != now.Add(spread.Gap) {
		t.Errorf("at first %d bulletins, the next after %s", n, h.Next(q, members).Sub(now))
	}
	now = now.Add(spread.Gap) // of the time for one, that one is made good
	if n := sends(); n != 1+1 {
		t.Errorf("after a gap %d", n)
	}
	now = now.Add(3 * spread.Gap)
	if n := sends(); n != 1+3 {
		t.Errorf("after three gaps %d", n)
	}
	now = now.Add(time.Hour)
	if n := sends(); n != 1+spread.Ahead {
		t.Errorf("after an hour %d", n)
	}
}

func TestOneThatIsAloneSendsNoBulletins(t *testing.T) {
	q, members := spread.NewQueue(1), table(1)
	h := spread.NewHaste(rand.New(rand.NewPCG(1, 1)), spread.Gap)
	q.Push(row(1, core.Alive))
	if next := h.Next(q, members); next != core.Never {
		t.Errorf("next at %d", next)
	}
}

func TestByAClockOfItsOwnNewsWaitsForTheNextTick(t *testing.T) {
	members := table(20)
	h := spread.NewTicking(rand.New(rand.NewPCG(1, 1)), time.Second)
	now := core.Instant(time.Hour)
	var tick core.Instant
	for range 3 {
		h.Due(now, spread.NewQueue(1), members) // nothing to send
		now = now.Add(7500 * time.Millisecond)
		q := spread.NewQueue(1)
		q.Push(accusation(5, 1))
		if to := h.Due(now, q, members); len(to) != 0 {
			t.Errorf("between two ticks to %v", to)
		}
		next := h.Next(q, members)
		if wait := next.Sub(now); wait <= 0 || wait > time.Second || tick != 0 && next.Sub(tick)%time.Second != 0 {
			t.Errorf("after %s, and %s after the tick before", wait, next.Sub(tick))
		}
		if to := h.Due(next, q, members); len(to) != 3 || h.Next(q, members) != next.Add(time.Second) {
			t.Errorf("to %v, and then at %v", to, h.Next(q, members))
		}
		now, tick = next, next
	}
}

func TestNewsOfNewcomersCanBeSettledAndNoOther(t *testing.T) {
	members := table(20)
	q := spread.NewQueue(1)
	refuted := row(5, core.Alive)
	refuted.Incarnation = 1
	for _, r := range []member.Row{row(1, core.Alive), row(2, core.Alive), accusation(3, 4), refuted, row(6, core.Left), row(7, core.Alive)} {
		q.Push(r)
	}
	q.Settle()
	var p wire.Packet
	q.Fill(&p, members, 9)
	var left []core.NodeID
	for _, n := range p.News {
		left = append(left, n.ID)
	}
	if want := []core.NodeID{1, 3, 5, 6}; !slices.Equal(left, want) {
		t.Errorf("left is news of %v, not of %v", left, want)
	}
	q.Push(row(2, core.Alive))
	if q.Fill(&p, members, 9); !slices.ContainsFunc(p.News, func(n wire.News) bool { return n.ID == 2 }) {
		t.Errorf("what is told anew does not travel: %v", p.News)
	}
}
