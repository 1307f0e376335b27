package netutil

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// namespace is a network of its own, entered by one thread that runs what it
// is told. The thread, and with it the network, ends with the test.
type namespace struct {
	t   *testing.T
	run chan func()
	tid int
}

func newNamespace(t *testing.T) *namespace {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: network namespaces need root; broadcast and multicast are NOT tested in this run")
	}
	n := &namespace{t: t, run: make(chan func())}
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread must not be used again
		n.tid = unix.Gettid()
		entered <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range n.run {
			f()
		}
	}()
	if err := <-entered; err != nil {
		t.Skipf("SKIPPED: no network namespace here (%v); broadcast and multicast are NOT tested in this run", err)
	}
	t.Cleanup(func() { close(n.run) })
	return n
}

// do runs f inside; sockets opened there stay there.
func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.run <- func() { defer close(done); f() }
	<-done
}

// ip runs ip(8) inside.
func (n *namespace) ip(line string) {
	n.t.Helper()
	var out []byte
	var err error
	n.do(func() { out, err = exec.Command("ip", strings.Fields(line)...).CombinedOutput() })
	if err != nil {
		n.t.Fatalf("ip %s: %v: %s", line, err, out)
	}
}

// cable makes an interface in each of two namespaces, joined by a cable, with
// addresses.
func cable(a, b *namespace, name, addrA, addrB string) {
	a.t.Helper()
	a.ip(fmt.Sprintf("link add %s type veth peer name %s netns %d", name, name, b.tid))
	for n, addr := range map[*namespace]string{a: addrA, b: addrB} {
		n.ip("addr add " + addr + " brd + dev " + name)
		n.ip("link set " + name + " up")
	}
}

func (n *namespace) interfaces(only ...string) []Interface {
	n.t.Helper()
	var got []Interface
	var err error
	n.do(func() { got, err = Interfaces(only) })
	if err != nil {
		n.t.Fatal(err)
	}
	return got
}

// ear is a beacon with what it hears.
type ear struct {
	*Beacon
	t     *testing.T
	heard chan Received
}

// warm is what wakes a cable up: the kernel activates a new one in its own
// time, and drops what is sent before.
const warm = "are the cables in place?"

func (n *namespace) beacon(only ...string) *ear {
	n.t.Helper()
	return n.beaconIn(netip.MustParseAddr(BeaconGroup), only...)
}

func (n *namespace) beaconIn(group netip.Addr, only ...string) *ear {
	n.t.Helper()
	on := n.interfaces(only...)
	var b *Beacon
	var err error
	n.do(func() { b, err = ListenBeacon(BeaconPort, group, on) })
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { b.Close() })
	e := &ear{Beacon: b, t: n.t, heard: make(chan Received, 10_000)}
	go func() {
		for {
			got, err := b.Read()
			if err != nil {
				return
			}
			e.heard <- got
		}
	}()
	return e
}

// reach sends until each of the others has heard something.
func (e *ear) reach(others ...*ear) {
	e.t.Helper()
	for _, other := range others {
		for deaf, late := true, time.After(patience); deaf; {
			if err := e.Send([]byte(warm)); err != nil {
				e.t.Fatal(err)
			}
			select {
			case <-other.heard:
				deaf = false
			case <-time.After(20 * time.Millisecond):
			case <-late:
				e.t.Fatal("nothing comes through the cable")
			}
		}
	}
}

// next is what is heard next, but for the waking up.
func (e *ear) next() Received {
	e.t.Helper()
	for {
		if got := await(e.t, e.heard, "a beacon"); string(got.Data) != warm {
			return got
		}
	}
}

func (e *ear) call(text string) {
	e.t.Helper()
	if err := e.Send([]byte(text)); err != nil {
		e.t.Fatal(err)
	}
}

func TestABeaconLeavesEveryChosenInterfaceAndNoOther(t *testing.T) {
	me, left, right, other := newNamespace(t), newNamespace(t), newNamespace(t), newNamespace(t)
	cable(me, left, "left", "10.1.0.1/24", "10.1.0.2/24")
	cable(me, right, "right", "10.2.0.1/24", "10.2.0.2/24")
	cable(me, other, "other", "10.3.0.1/24", "10.3.0.2/24")
	// No default route anywhere: the interface alone must say where to go.
	mine, everywhere := me.beacon("left", "right"), me.beacon("other")
	l, r, o := left.beacon(), right.beacon(), other.beacon()
	mine.reach(l, r)
	everywhere.reach(o)
	mine.call("anybody?")
	mine.call("the end")
	for _, want := range []struct {
		at   *ear
		from string
	}{{l, "10.1.0.1"}, {r, "10.2.0.1"}} {
		for _, text := range []string{"anybody?", "the end"} {
			for range 3 { // broadcast to all, to the subnet, and multicast
				if got := want.at.next(); string(got.Data) != text || got.From.Addr() != netip.MustParseAddr(want.from) {
					t.Fatalf("heard %q from %v; want %q from %s", got.Data, got.From, text, want.from)
				}
			}
		}
	}
	everywhere.call("marker") // whatever came before it would be heard before it
	if got := o.next(); string(got.Data) != "marker" {
		t.Fatalf("through the interface not chosen came %q", got.Data)
	}
}

func TestWithoutAGroupABeaconIsBroadcastOnly(t *testing.T) {
	me, peer := newNamespace(t), newNamespace(t)
	cable(me, peer, "eth", "10.1.0.1/24", "10.1.0.2/24")
	mine, theirs := me.beaconIn(netip.Addr{}), peer.beacon()
	mine.reach(theirs)
	for _, text := range []string{"one", "two", "three"} {
		mine.call(text)
		for range 2 { // to all and to the subnet, and then nothing more
			if got := theirs.next(); string(got.Data) != text {
				t.Fatalf("heard %q; want %s", got.Data, text)
			}
		}
	}
	for _, bad := range []string{"ff02::71", "10.0.0.1"} {
		if _, err := ListenBeacon(BeaconPort, netip.MustParseAddr(bad), nil); err == nil {
			t.Errorf("%s is a group", bad)
		}
	}
}

func TestABeaconFromAnInterfaceNotChosenIsNotHeard(t *testing.T) {
	me, good, bad := newNamespace(t), newNamespace(t), newNamespace(t)
	cable(me, good, "good", "10.1.0.1/24", "10.1.0.2/24")
	cable(me, bad, "bad", "10.2.0.1/24", "10.2.0.2/24")
	mine, wrong := me.beacon("good"), me.beacon("bad")
	fromGood, fromBad := good.beacon(), bad.beacon()
	fromGood.reach(mine)
	fromBad.reach(wrong)
	fromBad.call("from the wrong side")
	if got := wrong.next(); string(got.Data) != "from the wrong side" {
		t.Fatalf("heard %q", got.Data)
	}
	fromGood.call("from the right side")
	if got := mine.next(); string(got.Data) != "from the right side" {
		t.Fatalf("heard %q", got.Data)
	}
}

func TestTwoNodesOfOneMachineBothHearABeacon(t *testing.T) {
	me, peer := newNamespace(t), newNamespace(t)
	cable(me, peer, "eth", "10.1.0.1/24", "10.1.0.2/24")
	one, two, theirs := me.beacon(), me.beacon(), peer.beacon()
	theirs.reach(one, two)
	theirs.call("hello")
	for _, b := range []*ear{one, two} {
		if got := b.next(); string(got.Data) != "hello" {
			t.Fatalf("heard %q", got.Data)
		}
	}
}

func TestThePrivateAddressIsAdvertisedBeforeThePublicOne(t *testing.T) {
	me, peer := newNamespace(t), newNamespace(t)
	me.ip("link set lo up")
	cable(me, peer, "wan", "198.18.5.1/24", "198.18.5.2/24") // stands for neither
	for _, step := range []struct{ setup, want string }{
		{"addr add 8.8.4.1/24 dev wan", "8.8.4.1"},
		{"addr add 2001:db8::1/64 dev wan nodad", "8.8.4.1"},
		{"link add lan type veth peer name lan-end", "8.8.4.1"},
		{"addr add 192.168.7.1/24 dev lan", "8.8.4.1"}, // lan is down
		{"link set lan up", "192.168.7.1"},
		{"link add br0 type veth peer name br0-end", "192.168.7.1"},
		{"addr add 172.17.0.1/16 dev br0", "192.168.7.1"},
		{"route add default via 192.168.7.254", "192.168.7.1"},
		{"link set br0 up", "192.168.7.1"}, // the bridge does not lead out
	} {
		me.ip(step.setup)
		var got netip.Addr
		var err error
		me.do(func() { got, err = Advertise(nil, false) })
		if err != nil || got.String() != step.want {
			t.Fatalf("after %q: %v, %v; want %s", step.setup, got, err, step.want)
		}
	}
	for only, want := range map[string]string{"wan": "8.8.4.1", "br0": "172.17.0.1", "lo": "127.0.0.1"} {
		var got netip.Addr
		var err error
		me.do(func() { got, err = Advertise([]string{only}, false) })
		if err != nil || got.String() != want {
			t.Fatalf("%s: %v, %v; want %s", only, got, err, want)
		}
	}
}

// A node that is bound to 0.0.0.0 is not to be reached by IPv6.
func TestOfTwoKindsOfAddressesOneIsAdvertisedThatTheNodeHears(t *testing.T) {
	me, peer := newNamespace(t), newNamespace(t)
	cable(me, peer, "wan", "127.1.2.3/32", "127.1.2.4/32") // loopback's
	me.ip("addr del 127.1.2.3/32 dev wan")
	me.ip("addr add 2001:db8::1/64 dev wan nodad")
	for _, step := range []struct {
		setup, want string
		ipv4        bool
	}{
		{"addr show", "2001:db8::1", false},
		{"addr show", "", true},
		{"addr add 169.254.5.1/16 dev wan", "", true},
		{"addr add 198.18.5.1/24 dev wan", "198.18.5.1", true}, // neither private nor public
		{"addr show", "198.18.5.1", false},
	} {
		me.ip(step.setup)
		var got netip.Addr
		var err error
		me.do(func() { got, err = Advertise(nil, step.ipv4) })
		if (err == nil) != (step.want != "") || err == nil && got.String() != step.want {
			t.Errorf("after %q: %v, %v; want %q", step.setup, got, err, step.want)
		}
	}
}

func TestLoopbackAloneIsNotAdvertised(t *testing.T) {
	me := newNamespace(t)
	me.ip("link set lo up")
	var err error
	me.do(func() { _, err = Advertise(nil, false) })
	if err == nil {
		t.Fatal("no error")
	}
}
