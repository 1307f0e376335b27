package doctor

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hb/commands/doctor/judge"
	"hb/core"
	"hb/core/config"
	"hb/core/wire"
	"hb/netutil"
)

func TestOnlyChainsThatCanDropWhatComesInAreNamed(t *testing.T) {
	listing := `{"nftables":[{"metainfo":{"version":"1.0.6"}},
		{"chain":{"family":"inet","table":"filter","name":"input","handle":1,"type":"filter","hook":"input","prio":0,"policy":"drop"}},
		{"chain":{"family":"inet","table":"guard","name":"in","hook":"input","policy":"accept"}},
		{"chain":{"family":"inet","table":"count","name":"in","hook":"input","policy":"accept"}},
		{"chain":{"family":"inet","table":"filter","name":"output","hook":"output","policy":"drop"}},
		{"rule":{"family":"inet","table":"guard","chain":"in","expr":[{"match":{"op":"=="}},{"reject":null}]}},
		{"rule":{"family":"inet","table":"count","chain":"in","expr":[{"counter":{"packets":1}}]}}]}`
	if got, want := droppingChains([]byte(listing)), []string{"inet filter input", "inet guard in"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := droppingChains([]byte("Operation not permitted")); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestTheKernelsCountersAreReadByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snmp")
	text := "Ip: Forwarding InReceives\nIp: 1 -7\nUdp: InDatagrams RcvbufErrors\nUdp: 5 42\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := pairs(path)
	if got["Udp RcvbufErrors"] != 42 || got["Udp InDatagrams"] != 5 || got["Ip InReceives"] != 0 {
		t.Errorf("got %v", got)
	}
	if len(pairs("/proc/net/snmp")) < 10 || len(pairs("/proc/net/netstat")) < 10 {
		t.Error("this kernel's own cannot be read")
	}
	before := counters{overflow: 1, dropped: map[string]uint64{"7117 1": 3, "9 9": 0}}
	after := counters{overflow: 4, reverse: 2, dropped: map[string]uint64{"7117 1": 5, "9 9": 7}}
	c := after.since(before, time.Second, 7117)
	if c.Overflow != 3 || c.Reverse != 2 || c.Dropped != 2 || c.DroppedEver != 5 {
		t.Errorf("got %+v", c)
	}
}

func TestWhoHasAPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	_, err = netutil.ListenTCP(at)
	got := portFact("TCP", at, err)
	if got.State != "taken" || !strings.HasPrefix(got.Holder, "process ") || !strings.Contains(got.Holder, "doctor") {
		t.Errorf("got %+v", got)
	}
	_, err = netutil.ListenUDP(netip.MustParseAddrPort("203.0.113.9:7117"))
	if got := portFact("UDP", at, err); got.State != "absent" {
		t.Errorf("got %+v", got)
	}
}

func TestADataDirectoryIsLookedAtAndLeftAsItWas(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"pki/node.key": 0o644, "pki/node.crt": 0o644, "id": 0o600} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	g := &gathering{Plan: Plan{Data: dir, Config: config.New()}, facts: &judge.Facts{User: UserName(os.Geteuid())}}
	g.lookAtData()
	d := g.facts.Data
	if !d.Exists || d.Fault != "" || d.SyncFault != "" || d.Free == 0 || d.Inodes == 0 || d.Sync <= 0 || d.Worst < d.Sync || d.Owner != g.facts.User {
		t.Errorf("got %+v", d)
	}
	if want := []string{filepath.Join(dir, "pki/node.key")}; !slices.Equal(d.Open, want) {
		t.Errorf("open are %q", d.Open)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%d entries are left, %v", len(left), err)
	}
	g.Data = filepath.Join(dir, "not", "there")
	g.lookAtData()
	if d := g.facts.Data; d.Exists || d.Fault != "" || d.Free == 0 {
		t.Errorf("of what is not there yet: %+v", d)
	}
	if _, err := os.Stat(filepath.Join(dir, "not")); err == nil {
		t.Error("it was made")
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(filepath.Join(dir, "id"), 12345, -1); err != nil {
		t.Fatal(err)
	}
	g.Data = dir
	g.lookAtData()
	if d := g.facts.Data; !strings.Contains(d.Fault, "id belongs to user 12345") {
		t.Errorf("of another user's file: %+v", d)
	}
}

func TestASocketIsWhatItIs(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "answers"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "stale"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	for _, state := range []string{"answers", "stale", "missing"} {
		got, pid, _ := tryPath(filepath.Join(dir, state))
		if got.State != state || (pid != 0) != (state == "answers") {
			t.Errorf("%s: %+v of process %d", state, got, pid)
		}
	}
	if p := lookAtProcess(os.Getpid()); p == nil || p.Files < 3 || p.MostFiles < p.Files {
		t.Errorf("this process: %+v", p)
	}
}

func TestACallByUDPIsAnsweredSilentOrRefused(t *testing.T) {
	answering, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer answering.Close()
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := answering.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			var p wire.Packet
			if wire.DecodePacket(&p, buf[:n]) == nil && p.Kind == wire.KindCensus {
				reply := wire.Packet{Kind: wire.KindCensusAnswer, From: core.NodeID(7), Nonce: p.Nonce}
				answering.WriteToUDPAddrPort(wire.AppendPacket(nil, &reply), from)
			}
		}
	}()
	g := &gathering{Plan: Plan{Config: config.New()}}
	g.Config.Discover.Port = answering.LocalAddr().(*net.UDPAddr).Port
	if got := g.callAt(t.Context(), "127.0.0.1:7117"); got != "answers" {
		t.Errorf("got %q", got)
	}
	answering.Close()
	if got := g.callAt(t.Context(), "127.0.0.1:7117"); got != "" {
		t.Errorf("of a port that nobody has: %q", got)
	}
}
