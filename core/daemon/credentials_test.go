package daemon

import (
	"crypto/rand"
	"net"
	"net/netip"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/pki"
	"hb/core/wire"
	"hb/netutil"
)

// ca is a cluster's authority, for tests.
type ca struct {
	t       *testing.T
	cluster core.ClusterID
	*pki.Authority
}

func newCA(t *testing.T, cluster core.ClusterID) *ca {
	t.Helper()
	a, err := pki.Found(rand.Reader, cluster, "test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &ca{t, cluster, a}
}

// member gives a node's credentials, made at a time, and says that they are of a
// cluster.
func (a *ca) member(id core.NodeID, cluster core.ClusterID, made time.Time) *pki.Credentials {
	a.t.Helper()
	keys, err := pki.NewKeys(rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := a.Sign(pki.Identity{Cluster: cluster, Node: id, Role: pki.RoleMember, Name: "n"}, keys.Public(), made)
	if err != nil {
		a.t.Fatal(err)
	}
	own, err := pki.NewCredentials(keys, der, a.Certificate())
	if err != nil {
		a.t.Fatal(err)
	}
	return own
}

func guardOf(own *pki.Credentials) *netutil.Guard {
	c := &credentials{}
	c.set(own)
	return c.guard()
}

// Every kind of frame is sent with every kind of certificate: only a member's
// reach the loop, all of them, with its name on it.
func TestFramesOfMembersAloneReachTheLoop(t *testing.T) {
	ours, theirs := core.ClusterID{1}, core.ClusterID{2}
	const server, member, revoked = 1, 2, 3
	a, foreign := newCA(t, ours), newCA(t, ours)
	here, heard := wiredBehind(t, guardOf(a.member(server, ours, time.Now())), "127.0.0.1:0")
	here.bar(revoked)
	to := here.tcp[0].Addr().(*net.TCPAddr).AddrPort()
	for _, c := range []struct {
		name  string
		guard *netutil.Guard
	}{
		{"no certificate, and no TLS", nil},
		{"a foreign authority's", guardOf(foreign.member(member, ours, time.Now()))},
		{"one that has ended", guardOf(a.member(member, ours, time.Now().Add(-pki.Lifetime-time.Hour)))},
		{"one that has not begun", guardOf(a.member(member, ours, time.Now().Add(pki.BackDate+time.Hour)))},
		{"one of our authority's, for another cluster", guardOf(a.member(member, theirs, time.Now()))},
		{"one that was revoked", guardOf(a.member(revoked, ours, time.Now()))},
	} {
		lost := make(chan bool, 10_000)
		p := netutil.NewPool(c.guard, func(_ netip.AddrPort, refused bool) { lost <- refused })
		for _, frame := range oneOfEach() {
			p.Send(to, frame)
		}
		await(t, lost, "the end of a stream with "+c.name)
		p.Close(0)
	}
	there, _ := wiredBehind(t, guardOf(a.member(member, ours, time.Now())), "127.0.0.1:0")
	for _, frame := range oneOfEach() {
		there.pool.Send(to, frame)
	}
	for range oneOfEach() {
		for {
			i := await(t, heard, "a member's frame")
			if knocked, is := i.ev.(node.Knocked); is && knocked.Peer == revoked {
				continue
			}
			f, is := i.ev.(node.Frame)
			if !is || f.Peer != member || i.done == nil {
				t.Fatalf("got %+v", i.ev)
			}
			i.done()
			break
		}
	}
	if len(heard) > 0 {
		t.Errorf("%+v came as well", (<-heard).ev)
	}
}

// oneOfEach is a frame of every kind.
func oneOfEach() (frames [][]byte) {
	fields := (&wire.Envelope{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range fields.Len() {
		e := &wire.Envelope{}
		e.ProtoReflect().Set(fields.Get(i), e.ProtoReflect().NewField(fields.Get(i)))
		frames = append(frames, wire.EncodeEnvelope(e))
	}
	return frames
}

func TestCredentialsOfAnotherNodeAreNotUsed(t *testing.T) {
	cluster := core.ClusterID{1}
	a := newCA(t, cluster)
	c := &credentials{}
	c.set(a.member(7, cluster, time.Now()))
	if f := c.fits("DIR", 7, cluster); f != nil {
		t.Error(f)
	}
	for _, f := range []*core.Fault{c.fits("DIR", 8, cluster), c.fits("DIR", 7, core.ClusterID{2})} {
		if f == nil || f.Code != core.CodeConfig {
			t.Errorf("got %v", f)
		}
	}
}
