package netutil

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

func listen(t *testing.T, at netip.AddrPort) *UDP {
	t.Helper()
	u, err := ListenUDP(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

func TestADatagramArrivesWithItsSender(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		a, b := listen(t, netip.MustParseAddrPort(at)), listen(t, netip.MustParseAddrPort(at))
		if err := a.Write([]byte("hello"), b.Addr()); err != nil {
			t.Fatal(err)
		}
		got, err := b.Read()
		if err != nil || got.Refused || string(got.Data) != "hello" || got.From != a.Addr() {
			t.Fatalf("%s: got %+v, %v", at, got, err)
		}
	}
}

func TestARefusedDatagramIsReportedWithItsDestination(t *testing.T) {
	a := listen(t, loopback(0))
	gone := listen(t, loopback(0))
	nobody := gone.Addr()
	gone.Close()
	if err := a.Write([]byte("are you there"), nobody); err != nil {
		t.Fatal(err)
	}
	got, err := a.Read()
	if err != nil || !got.Refused || got.From != nobody {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestARefusalDoesNotHinderOtherDatagrams(t *testing.T) {
	a, b := listen(t, loopback(0)), listen(t, loopback(0))
	gone := listen(t, loopback(0))
	nobody := gone.Addr()
	gone.Close()
	const rounds = 50
	for range rounds {
		for _, to := range []netip.AddrPort{nobody, b.Addr()} {
			if err := a.Write([]byte("x"), to); err != nil {
				t.Fatalf("writing to %v: %v", to, err)
			}
		}
		if got, err := b.Read(); err != nil || got.From != a.Addr() {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if got, err := a.Read(); err != nil || !got.Refused {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestCloseEndsARead(t *testing.T) {
	a := listen(t, loopback(0))
	ended := make(chan error)
	go func() {
		_, err := a.Read()
		ended <- err
	}()
	a.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Read gave %v", err)
	}
}

func TestAPortInUseIsAnError(t *testing.T) {
	a := listen(t, loopback(0))
	if b, err := ListenUDP(a.Addr()); err == nil {
		b.Close()
		t.Fatal("two sockets share a port")
	}
}
