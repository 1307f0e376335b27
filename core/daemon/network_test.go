package daemon

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
	"hb/netutil"
)

func TestWhatAFrameMayWeighIsFourTimesTheLongest(t *testing.T) {
	if wire.MaxWeight != 4*netutil.MaxFrame {
		t.Errorf("a message may take %d bytes, and the longest frame is of %d", wire.MaxWeight, netutil.MaxFrame)
	}
}

// wire puts a network on loopback, and gives what it hears.
func wired(t *testing.T, bind ...string) (*network, <-chan input) {
	t.Helper()
	return wiredBehind(t, nil, bind...)
}

// wiredBehind is wired, behind a guard.
func wiredBehind(t *testing.T, g *netutil.Guard, bind ...string) (*network, <-chan input) {
	t.Helper()
	q := newQueue()
	n := &network{queue: q, figures: newFigures(), guard: g, log: func(_ bool, text string) { t.Log(text) }}
	n.openPools()
	var at []netip.AddrPort
	for _, b := range bind {
		at = append(at, netip.MustParseAddrPort(b))
	}
	if fault := n.listen(at); fault != nil {
		t.Fatal(fault)
	}
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	n.serve(ctx, group.Go)
	t.Cleanup(func() {
		close(q.done)
		stop()
		n.closePools(0)
		n.close()
		group.Wait()
	})
	return n, q.in
}

func TestDatagramsAndFramesCrossAndKnowTheirSender(t *testing.T) {
	a, _ := wired(t, "127.0.0.1:0")
	b, heard := wired(t, "127.0.0.1:0")
	at := b.udp[0].Addr()
	if tcp := b.tcp[0].Addr().(*net.TCPAddr).AddrPort(); tcp.Port() != at.Port() {
		t.Fatalf("UDP at %v, TCP at %v", at, tcp)
	}
	a.send(at, []byte("ping"))
	if got := await(t, heard, "a datagram").ev.(node.Datagram); string(got.Data) != "ping" || got.From != a.udp[0].Addr() || got.Beacon {
		t.Fatalf("got %+v", got)
	}
	a.pool.Send(at, []byte("frame"))
	if got := await(t, heard, "a frame").ev.(node.Frame); string(got.Data) != "frame" || got.From.Addr() != at.Addr() {
		t.Fatalf("got %+v", got)
	}
}

func TestWhoeverIsNotThereIsReported(t *testing.T) {
	a, heard := wired(t, "127.0.0.1:0")
	gone, err := netutil.ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	nobody := gone.Addr()
	gone.Close()
	a.send(nobody, []byte("ping"))
	if got := await(t, heard, "news").ev; got != (node.Unreachable{To: nobody}) {
		t.Fatalf("got %+v", got)
	}
	a.pool.Send(nobody, []byte("frame"))
	if got := await(t, heard, "news").ev; got != (node.StreamLost{To: nobody, Refused: true}) {
		t.Fatalf("got %+v", got)
	}
}

// With the queue full, datagrams are lost and frames wait.
func TestAFullQueueLosesDatagramsAndHoldsStreams(t *testing.T) {
	a, _ := wired(t, "127.0.0.1:0")
	b, heard := wired(t, "127.0.0.1:0")
	at := b.udp[0].Addr()
	for range queueLength {
		b.queue.tell(node.Tick{})
	}
	const frames = 20
	for range frames {
		a.pool.Send(at, []byte("frame"))
		a.send(at, []byte("ping"))
	}
	if b.queue.offer(node.Tick{}) {
		t.Fatal("the queue has no bound")
	}
	for got := 0; got < frames; {
		if f, is := await(t, heard, "a frame").ev.(node.Frame); is && string(f.Data) == "frame" {
			got++
		}
	}
}

func TestEveryAddressGetsTheSamePortAndTheFittingSocket(t *testing.T) {
	n, _ := wired(t, "127.0.0.1:0", "127.0.0.2:0", "[::1]:0")
	for _, udp := range n.udp {
		if udp.Addr().Port() != n.udp[0].Addr().Port() {
			t.Fatalf("%v and %v", udp.Addr(), n.udp[0].Addr())
		}
	}
	for to, from := range map[string]string{"127.0.0.9": "127.0.0.1", "::1": "::1", "10.0.0.1": "127.0.0.1"} {
		if got := n.source(netip.MustParseAddr(to)); got.Addr().Addr().String() != from {
			t.Errorf("to %s from %v, want %s", to, got.Addr(), from)
		}
	}
}

func TestAnAddressThatCannotBeHeardAtNamesItself(t *testing.T) {
	a, _ := wired(t, "127.0.0.1:0")
	for _, c := range []struct {
		at   string
		code core.Code
	}{{a.udp[0].Addr().String(), core.CodeIO}, {"192.0.2.1:7117", core.CodeConfig}} {
		n := &network{figures: newFigures()}
		fault := n.listen([]netip.AddrPort{netip.MustParseAddrPort(c.at)})
		if fault == nil || fault.Code != c.code || !strings.Contains(fault.Message, c.at) {
			t.Errorf("%s: %v", c.at, fault)
		}
	}
}

func TestSeedsAreResolvedAndTheUnknownNamed(t *testing.T) {
	addrs, failed := resolve(t.Context(), []string{"127.0.0.1:9000", "localhost:9000", "127.0.0.3", "[::1]:1", "127.0.0.1:none", "127.0.0.1:0"})
	for _, want := range []string{"127.0.0.1:9000", "127.0.0.3:7117", "[::1]:1"} {
		if n := count(addrs, netip.MustParseAddrPort(want)); n != 1 {
			t.Errorf("%s is there %d times: %v", want, n, addrs)
		}
	}
	if !slices.Equal(failed, []string{"127.0.0.1:none", "127.0.0.1:0"}) {
		t.Errorf("failed are %v", failed)
	}
}

func count(addrs []netip.AddrPort, a netip.AddrPort) (n int) {
	for _, b := range addrs {
		if a == b {
			n++
		}
	}
	return n
}

func TestBadInputIsToldOncePerStranger(t *testing.T) {
	told := strangers{}
	if !told.first("a") || told.first("a") || !told.first("b") {
		t.Fatal(told)
	}
	for i := range 5000 {
		told.first(core.NodeID(i).String())
	}
	if len(told) > 1000 {
		t.Fatalf("%d strangers are remembered", len(told))
	}
}

// stuckLog is a log that nobody reads until it is released.
type stuckLog struct {
	release chan struct{}
	got     strings.Builder
}

func (s *stuckLog) Write(b []byte) (int, error) {
	<-s.release
	return s.got.Write(b)
}

func TestALogThatNobodyReadsHoldsNobodyUp(t *testing.T) {
	l, w := newLogger(), &stuckLog{release: make(chan struct{})}
	ended := make(chan struct{})
	go func() { defer close(ended); l.run(w) }()
	for range 5 * maxLines {
		l.line(true, "x")
	}
	if n := len(l.box.items); n > maxLines {
		t.Fatalf("%d lines wait", n)
	}
	close(w.release)
	l.box.close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the logger did not end")
	}
	if text := w.got.String(); !strings.HasPrefix(text, "warning: x\n") || !strings.Contains(text, "dropped") {
		t.Fatalf("the log has %.60q…", text)
	}
}
