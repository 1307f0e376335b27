package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/seal"
	"hb/core/wire"
)

// nudge is a datagram that claims, sealed by nobody, to be of a member and of a
// later generation of the key: it makes who hears it ask.
func nudge(from core.NodeID, g uint32) []byte {
	d := make([]byte, seal.Overhead+16)
	copy(d, []byte{'h', 's', seal.Version, 0})
	binary.BigEndian.PutUint32(d[4:], g)
	binary.BigEndian.PutUint64(d[8:], uint64(from))
	binary.BigEndian.PutUint32(d[16:], 1)
	return d
}

// given is a key of zeros, wrapped for a host as the log's would be.
func (w *World) given(t *testing.T, liar, victim int, cluster core.ClusterID, g uint32) *wire.KeyGiven {
	t.Helper()
	context := fmt.Sprintf("datagrams of %s, generation %d", cluster, g)
	sealed, err := w.hosts[liar].vault.Seal(w.hosts[victim].vault.public(), context, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &wire.KeyGiven{Generation: g, Sealed: sealed, Commit: 1 << 40}
}

// A member that means harm gives everybody else keys that it made up, of a
// generation far ahead, the next and the present one, as answers to questions that
// a forged datagram provokes, and with welcomes. Nobody takes one or hands one on;
// the next rotation is everybody's; and once it is forgotten, it knows no key.
func TestAMemberCannotGiveTheOthersAKeyThatTheLogHasNot(t *testing.T) {
	w := sealed(t, 8, 6)
	pass(t, w, 15*time.Second)
	liar := nonvoter(t, w, w.Leader())
	me := w.Node(liar).ID()
	id := answer[node.StatusView](t, w, w.Ask(0, node.GetStatus{})).Cluster.ID
	before := w.Node(liar).Part().Key
	for _, g := range []uint32{before, before + 1, 0xfffffff0} {
		for range 3 {
			for _, i := range others(w, liar) {
				w.Inject(i, w.hosts[liar].addr, nudge(me, g))
			}
			pass(t, w, 20*time.Millisecond)
			for _, i := range others(w, liar) {
				key := w.given(t, liar, i, id, g)
				w.utter(liar, i, &wire.Envelope{From: uint64(me), Instance: 1, Cluster: id[:], Body: &wire.Envelope_KeyGiven{KeyGiven: key}})
				w.utter(liar, i, &wire.Envelope{From: uint64(me), Instance: 1, Cluster: id[:], Body: &wire.Envelope_Welcome{Welcome: &wire.Welcome{
					Cluster: id[:], ClusterName: "test", Key: key,
				}}})
			}
			pass(t, w, time.Second)
		}
		for _, i := range others(w, liar) {
			if now := w.Node(i).Part().Key; now != before {
				t.Errorf("%s has key %d, and the log %d", w.hosts[i].name, now, before)
			}
		}
	}
	g := rotate(t, w, others(w, liar)[0])
	until(t, w, 10*time.Second, func() bool { return w.keyedAlike(g) })
	w.Foresee(liar, core.CodeBadInput)
	answerNothing(t, w, w.Ask(others(w, liar)[0], node.Forget{Node: me, Force: true}))
	until(t, w, 30*time.Second, func() bool { return w.keyedAlike(g + 1) })
	for _, i := range others(w, liar) {
		if now := w.Node(i).Part().Key; now != g+1 {
			t.Errorf("%s has key %d, and the log %d", w.hosts[i].name, now, g+1)
		}
	}
	pass(t, w, seal.Grace+time.Second)
	for _, i := range others(w, liar) {
		for _, m := range answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{})).Members {
			if m.ID != me && m.Status != core.Alive {
				t.Errorf("%s holds %s to be %s", w.hosts[i].name, m.Name, m.Status)
			}
		}
	}
}

// A voter that was cut off while the key changed three times has no datagram to go
// by when it is back, and takes a key from no member: it fetches the log over
// streams, and the key is there.
func TestAVoterCutOffDuringSeveralRotationsFindsTheKeyInTheLog(t *testing.T) {
	w := sealed(t, 9, 5)
	pass(t, w, 15*time.Second)
	away := (w.Leader() + 1) % 5
	for away == w.Leader() || !w.votes(away) {
		away = (away + 1) % 5
	}
	w.Partition([]int{away}, others(w, away))
	pass(t, w, 5*time.Second)
	g := uint32(0)
	for range 3 {
		g = rotate(t, w, others(w, away)[0])
		pass(t, w, 15*time.Second)
	}
	w.Heal()
	back := w.Now()
	until(t, w, 20*time.Second, func() bool { return w.keyedAlike(g) })
	t.Logf("it had the key %v after it was back", w.Now()-back)
	until(t, w, 20*time.Second, func() bool { return w.everywhere(t, w.hosts[away].name, core.Alive) })
}

// votes says whether a host's node is a voter, as it knows itself.
func (w *World) votes(i int) bool {
	own := w.Node(i).Part()
	return slices.Contains(own.Voters, own.Raft)
}
