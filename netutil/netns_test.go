package netutil

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

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

func (n *namespace) beacon(only ...string) *Beacon {
	n.t.Helper()
	on := n.interfaces(only...)
	var b *Beacon
	var err error
	n.do(func() { b, err = ListenBeacon(BeaconPort, netip.MustParseAddr(BeaconGroup), on) })
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { b.Close() })
	return b
}

func TestABeaconLeavesEveryChosenInterfaceAndNoOther(t *testing.T) {
	me, left, right, other := newNamespace(t), newNamespace(t), newNamespace(t), newNamespace(t)
	cable(me, left, "left", "10.1.0.1/24", "10.1.0.2/24")
	cable(me, right, "right", "10.2.0.1/24", "10.2.0.2/24")
	cable(me, other, "other", "10.3.0.1/24", "10.3.0.2/24")
	// No default route anywhere: the interface alone must say where to go.
	mine := me.beacon("left", "right")
	l, r, o := left.beacon(), right.beacon(), other.beacon()
	if err := mine.Send([]byte("anybody?")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		at   *Beacon
		from string
	}{{l, "10.1.0.1"}, {r, "10.2.0.1"}} {
		for range 3 { // broadcast to all, to the subnet, and multicast
			got, err := want.at.Read()
			if err != nil || string(got.Data) != "anybody?" || got.From.Addr() != netip.MustParseAddr(want.from) {
				t.Fatalf("got %+v, %v; want it from %s", got, err, want.from)
			}
		}
	}
	// What is sent to the interface that was not chosen arrives there first.
	everywhere := me.beacon("other")
	if err := everywhere.Send([]byte("marker")); err != nil {
		t.Fatal(err)
	}
	if got, err := o.Read(); err != nil || string(got.Data) != "marker" {
		t.Fatalf("through the interface not chosen came %q, %v", got.Data, err)
	}
}

func TestWithoutAGroupABeaconIsBroadcastOnly(t *testing.T) {
	me, peer := newNamespace(t), newNamespace(t)
	cable(me, peer, "eth", "10.1.0.1/24", "10.1.0.2/24")
	on := me.interfaces()
	listen := func(group netip.Addr) (b *Beacon, err error) {
		me.do(func() { b, err = ListenBeacon(BeaconPort, group, on) })
		return b, err
	}
	mine, err := listen(netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	theirs := peer.beacon()
	for _, text := range []string{"one", "two"} {
		if err := mine.Send([]byte(text)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // to all and to the subnet, and then nothing more
			if got, err := theirs.Read(); err != nil || string(got.Data) != text {
				t.Fatalf("heard %q, %v; want %s", got.Data, err, text)
			}
		}
	}
	for _, bad := range []string{"ff02::71", "10.0.0.1"} {
		if _, err := listen(netip.MustParseAddr(bad)); err == nil {
			t.Errorf("%s is a group", bad)
		}
	}
}

func TestABeaconFromAnInterfaceNotChosenIsNotHeard(t *testing.T) {
	me, good, bad := newNamespace(t), newNamespace(t), newNamespace(t)
	cable(me, good, "good", "10.1.0.1/24", "10.1.0.2/24")
	cable(me, bad, "bad", "10.2.0.1/24", "10.2.0.2/24")
	mine := me.beacon("good")
	if err := bad.beacon().Send([]byte("from the wrong side")); err != nil {
		t.Fatal(err)
	}
	if err := good.beacon().Send([]byte("from the right side")); err != nil {
		t.Fatal(err)
	}
	if got, err := mine.Read(); err != nil || string(got.Data) != "from the right side" {
		t.Fatalf("heard %q, %v", got.Data, err)
	}
}

func TestTwoNodesOfOneMachineBothHearABeacon(t *testing.T) {
	me, peer := newNamespace(t), newNamespace(t)
	cable(me, peer, "eth", "10.1.0.1/24", "10.1.0.2/24")
	one, two := me.beacon(), me.beacon()
	if err := peer.beacon().Send([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*Beacon{one, two} {
		if got, err := b.Read(); err != nil || string(got.Data) != "hello" {
			t.Fatalf("heard %q, %v", got.Data, err)
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
		me.do(func() { got, err = Advertise(nil) })
		if err != nil || got.String() != step.want {
			t.Fatalf("after %q: %v, %v; want %s", step.setup, got, err, step.want)
		}
	}
	for only, want := range map[string]string{"wan": "8.8.4.1", "br0": "172.17.0.1", "lo": "127.0.0.1"} {
		var got netip.Addr
		var err error
		me.do(func() { got, err = Advertise([]string{only}) })
		if err != nil || got.String() != want {
			t.Fatalf("%s: %v, %v; want %s", only, got, err, want)
		}
	}
}

func TestLoopbackAloneIsNotAdvertised(t *testing.T) {
	me := newNamespace(t)
	me.ip("link set lo up")
	var err error
	me.do(func() { _, err = Advertise(nil) })
	if err == nil {
		t.Fatal("no error")
	}
}
