package daemon

import (
	"bytes"
	crand "crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/control"
	"hb/core/enroll"
	"hb/core/node"
	"hb/core/pki"
	"hb/core/seal"
	"hb/core/store"
	"hb/core/wire"
)

// credentialed makes data directories as members of one cluster with credentials
// have them; the first has its log.
func credentialed(t *testing.T, names ...string) (list []Options) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	id, snap := node.Found("test", 0, newRand())
	authority, err := pki.Found(crand.Reader, core.ClusterID(id.Cluster), "test", time.Now())
	must(err)
	body := &wire.Ledger{}
	must(wire.Unmarshal(snap.Data, body))
	body.Authority, body.Features = authority.Certificate(), uint32(core.FeaturesNow)
	var ids []*wire.Identity
	for i, name := range names {
		own := id
		if i > 0 {
			other, _ := node.Found("test", 0, newRand())
			own = &wire.Identity{Format: 1, Cluster: id.Cluster, ClusterName: id.ClusterName, Node: other.Node, Raft: other.Raft, Detector: id.Detector}
		}
		o := options(t, name)
		o.Dev, o.Bind = false, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
		must(os.MkdirAll(o.DataDir, 0o700))
		keys, err := pki.NewKeys(crand.Reader)
		must(err)
		who := pki.Identity{Cluster: core.ClusterID(id.Cluster), Node: core.NodeID(own.Node), Role: pki.RoleMember, Name: name}
		cert, err := authority.Sign(who, keys.Public(), time.Now())
		must(err)
		shown, err := pki.NewCredentials(keys, cert, authority.Certificate())
		must(err)
		must(pki.SaveKeys(o.DataDir, keys))
		must(shown.Save(o.DataDir))
		body.Credentials = append(body.Credentials, &wire.Credential{
			Node: own.Node, Name: name, SignKey: keys.Public().Sign, WrapKey: keys.Public().Wrap,
			Certificate: cert, UntilNanos: shown.Identity.Expiry.UnixNano(),
		})
		ids, list = append(ids, own), append(list, o)
	}
	snap.Data = wire.Marshal(body)
	for i, o := range list {
		st, _, err := store.OpenDir(o.DataDir)
		must(err)
		if i == 0 {
			must(st.SaveSnapshot(snap, snap.GetMetadata().GetIndex(), true))
		}
		must(st.SaveIdentity(ids[i]))
		must(st.Close())
	}
	return list
}

// sniff gives the datagrams to some ports that pass on the loopback interface,
// for as long as want says; none without the right to listen there.
func sniff(t *testing.T, ports map[uint16]bool, want func(n int) bool) (seen [][]byte) {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	proto := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_IP))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, int(proto))
	if err != nil {
		t.Logf("nothing is recorded: %v", err)
		return nil
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: lo.Index}); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<16)
	for want(len(seen)) {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		head := int(buf[0]&15) * 4
		if n < head+8 || buf[9] != unix.IPPROTO_UDP || !ports[binary.BigEndian.Uint16(buf[head+2:])] {
			continue
		}
		seen = append(seen, append([]byte(nil), buf[head+8:n]...))
	}
	return seen
}

// Somebody on the same network without credentials records datagrams, plays them
// again, whole, cut and changed, from another address and to whomever he likes,
// makes up his own, and sends many of all. He gets no answer, and the members
// neither lose anybody nor do less.
func TestANeighbourWithoutCredentialsGetsNothing(t *testing.T) {
	list := credentialed(t, "one", "two", "three")
	var nodes []*running
	for i, o := range list {
		if i > 0 {
			o.Seeds = []string{nodes[0].info.Addr.String()}
		}
		nodes = append(nodes, launch(t, o))
	}
	ports := map[uint16]bool{}
	for _, n := range nodes {
		n.wait("members=3", "voters=3")
		ports[n.info.Addr.Port()] = true
	}
	rotated := rotateKeys(t, nodes[2])
	for _, n := range nodes {
		n.wait("applied=" + rotated.Keys[0].Index)
		if k := keysOf(t, n); k.Keys[0].Generation != rotated.Keys[0].Generation || k.Keys[0].State != "current" {
			t.Fatalf("%s has the keys %+v", n.info.Name, k)
		}
	}
	record := sniff(t, ports, func(n int) bool { return n < 60 })
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	answers := make(chan int, 1)
	go func() {
		count, buf := 0, make([]byte, 2000)
		for {
			if _, _, err := stranger.ReadFromUDPAddrPort(buf); err != nil {
				answers <- count
				return
			}
			count++
		}
	}()
	for _, n := range nodes {
		for _, data := range hostile(record, nodes) {
			if _, err := stranger.WriteToUDPAddrPort(data, n.info.Addr); err != nil {
				t.Fatal(err)
			}
		}
	}
	knockInVain(t, nodes)
	for _, n := range nodes {
		if _, err := n.client.Append(t.Context(), []byte("a note")); err != nil {
			t.Errorf("through %s: %v", n.info.Name, err)
		}
		n.wait("members=3", "quorum")
	}
	stranger.Close()
	if n := <-answers; n > 0 {
		t.Errorf("the neighbour was answered %d times", n)
	}
	for _, n := range nodes {
		n.stop()
	}
	for i, n := range nodes {
		n.end()
		if where := filesWith(t, list[i].DataDir, madeUp); len(where) > 0 {
			t.Errorf("what the neighbour called itself is in %q of %s", where, n.info.Name)
		}
	}
}

// madeUp is what the neighbour calls itself.
const madeUp = "stranger-at-the-door"

// knockInVain has the neighbour ask each node to be let in, in every form that is
// due, with tokens that it made up; the authority's fingerprint is for everybody to
// see. It is refused, and nothing of it comes into the log.
func knockInVain(t *testing.T, nodes []*running) {
	t.Helper()
	newest := func() uint64 {
		t.Helper()
		at, err := nodes[0].client.Append(t.Context(), []byte("before or after"))
		if err != nil {
			t.Fatal(err)
		}
		index, err := strconv.ParseUint(at.Index, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return index
	}
	before := newest()
	for _, n := range nodes {
		conn, err := tls.Dial("tcp", n.info.Addr.String(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{pki.ProtoJoin}})
		if err != nil {
			t.Fatal(err)
		}
		shown := conn.ConnectionState().PeerCertificates
		conn.Close()
		for range 5 {
			keys, err := pki.NewKeys(crand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			token, err := pki.MintToken(crand.Reader, pki.FingerprintOf(shown[len(shown)-1].Raw), time.Now().Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = enroll.Ask(t.Context(), n.info.Addr.String(), enroll.Application{Token: token, Keys: keys, Node: keys.Public().NodeID(), Name: madeUp, Now: time.Now})
			if f := (*core.Fault)(nil); !errors.As(err, &f) || !strings.Contains(f.Message, "is none of this cluster's") {
				t.Errorf("%s said %v", n.info.Name, err)
			}
		}
	}
	after := newest()
	err := nodes[0].client.Log(t.Context(), before, false, func(e *control.Entry) error {
		if strings.Contains(e.Text, "let in") || strings.Contains(e.Text, madeUp) {
			t.Errorf("of entries %d to %d, %s says %s", before, after, e.Index, e.Text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// filesWith are the files below a directory that contain a text.
func filesWith(t *testing.T, dir, text string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// hostile is what a neighbour without credentials can send; what would be
// answered first, before there is more than a socket holds.
func hostile(record [][]byte, nodes []*running) (list [][]byte) {
	for kind := wire.KindPing; kind <= wire.KindEngineAnswer; kind++ {
		if kind == wire.KindBeacon || kind == wire.KindBeaconAnswer || kind == wire.KindCensus || kind == wire.KindCensusAnswer {
			continue
		}
		for i, by := range nodes {
			of := nodes[(i+1)%len(nodes)].info.Node
			p := wire.Packet{
				Kind: kind, Cluster: wire.TagOf(by.info.Cluster, 0), From: by.info.Node, Instance: 2, Nonce: 7, Target: of,
				Log:  wire.LogHint{Commit: 1 << 40, Leader: by.info.Node, Term: 1 << 20},
				News: []wire.News{{ID: of, Status: core.Left, Instance: 2}},
			}
			list = append(list, wire.AppendPacket(nil, &p))
		}
	}
	for _, data := range record {
		if !seal.IsSealed(data) {
			continue
		}
		changed := append([]byte(nil), data...)
		changed[len(data)/2] ^= 1
		newer := append([]byte(nil), data...)
		newer[4] ^= 1 // of another generation
		list = append(list, data, data, data[:len(data)/2], data[:30], append(append([]byte(nil), data...), 0), changed, newer)
	}
	for i := range 2000 {
		junk := make([]byte, i%1400)
		crand.Read(junk)
		copy(junk, "hs\x01\x00\x00\x00\x00\x02")
		list = append(list, junk)
	}
	return list
}

func rotateKeys(t *testing.T, n *running) *control.Keys {
	t.Helper()
	k, err := n.client.RotateKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keysOf(t *testing.T, n *running) *control.Keys {
	t.Helper()
	k, err := n.client.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return k
}
