package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"hb/core"
)

// The layout of a datagram, version 1. Numbers are big-endian. A header of 33
// bytes is followed by those parts whose bit is set in parts, in this order:
//
//	 0  2  "hb"
//	 2  1  version: 1
//	 3  1  kind
//	 4  8  cluster: the first 8 bytes of the ClusterID, XOR the epoch; zero: in none yet
//	12  8  from: NodeID of the sender
//	20  4  instance of the sender
//	24  8  nonce: chosen by who asks, repeated by who answers
//	32  1  parts
//
//	bit 0  target    8 NodeID, 2 budget in milliseconds
//	bit 1  address   1 length (4 or 16), the IP address, 2 port
//	bit 2  log       8 commit index, 8 NodeID of the leader, 8 its term
//	bit 3  view      8 hash of the sender's membership table
//	bit 4  load      2 stress, 2 busy ‰, 4 free MiB, 2 slots, 2 running, 2 strength ‰, 2 slowdown ‰,
//	                 8 last grant, 8 applied index
//	bit 5  news      1 count, then the rows (news.go)
//	bit 6  beats     1 count, then what is known of others' heartbeats (beat.go)
//	bit 7  engine    a heartbeat of the consensus engine (engine.go)
//
// A ping is a header of kind 1 with target, log and view: 75 bytes. Its ack is
// of kind 3 with the same nonce, log, view and load: 97 bytes. Nothing follows
// the last part, except that a beacon or a census is filled up with zeros to
// BeaconSize, so that no answer to one is longer than it.
//
// There is no length field and no checksum: UDP has both. Sealing (core/seal),
// where a cluster has credentials, goes around the whole.

// Limits of datagrams.
const (
	// DatagramVersion is the version of this layout.
	DatagramVersion = 1
	// MaxPacket is the longest datagram sent, sealed: it fits one Ethernet
	// frame with room for tunnels, so that it is never fragmented.
	MaxPacket = 1400
	// PlainPacket is the longest datagram before it is sealed.
	PlainPacket = MaxPacket - 48
	// BeaconSize is the exact length of a beacon and of a census, and the most
	// that answers one.
	BeaconSize = 128
	// MaxNews is the most rows in one datagram.
	MaxNews = 64
)

const (
	headerSize  = 33
	partTarget  = 1 << 0
	partAddress = 1 << 1
	partLog     = 1 << 2
	partView    = 1 << 3
	partLoad    = 1 << 4
	partNews    = 1 << 5
	partBeats   = 1 << 6
	partEngine  = 1 << 7
)

// Kind is what a datagram is for.
type Kind uint8

// The kinds. Every member answers pings and ping-reqs, whatever its detector;
// only SWIM's send them all the time, the others' send heartbeats. Any member
// may send Bulletin.
const (
	// KindPing asks Target for an ack; who is not Target stays silent.
	KindPing Kind = iota + 1
	// KindPingReq asks for an ack from Target, at Address, through the receiver,
	// within the budget.
	KindPingReq
	// KindAck answers a ping; with a Target it is forwarded from that member.
	KindAck
	// KindNack tells who sent a ping-req that Target did not answer the helper.
	KindNack
	// KindBulletin carries news and nothing else. With a nonce it wants an ack.
	KindBulletin
	// KindLoadReport tells the leader the sender's load.
	KindLoadReport
	// KindBeacon calls for a cluster (zero cluster) or announces one. Address is
	// where the sender is reached.
	KindBeacon
	// KindBeaconAnswer tells who called where a member of a cluster is.
	KindBeaconAnswer
	// KindEcho asks anybody, of any cluster or none, whether it is there.
	KindEcho
	// KindEchoReply answers it.
	KindEchoReply
	// KindHeartbeat says that the sender lives; Nonce is its sequence number,
	// which only grows within an instance. An ack answers it where the detector
	// wants one.
	KindHeartbeat
	// KindCensus asks every node near, of any cluster or none, who it is. Who
	// asks need not be a node.
	KindCensus
	// KindCensusAnswer tells it: Cluster is where the node belongs, and the only
	// row of news is its own, as much of name and version as fits.
	KindCensusAnswer
	// KindEngineBeat is a heartbeat of the consensus engine, KindEngineAnswer
	// the answer to one.
	KindEngineBeat
	KindEngineAnswer
	kindEnd
)

var kindNames = [...]string{
	KindPing: "ping", KindPingReq: "ping-req", KindAck: "ack", KindNack: "nack",
	KindBulletin: "bulletin", KindLoadReport: "load report", KindBeacon: "beacon",
	KindBeaconAnswer: "beacon answer", KindEcho: "echo", KindEchoReply: "echo reply", KindHeartbeat: "heartbeat",
	KindCensus: "census", KindCensusAnswer: "census answer",
	KindEngineBeat: "engine heartbeat", KindEngineAnswer: "engine answer",
}

// String gives the kind's name.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// padded says that a datagram of the kind has BeaconSize bytes, bounded that it
// has no more.
func (k Kind) padded() bool  { return k == KindBeacon || k == KindCensus }
func (k Kind) bounded() bool { return k == KindBeaconAnswer || k == KindCensusAnswer }

// Tag is how a datagram names its cluster: the first bytes of the ClusterID,
// which the epoch, if it is not the first, changes.
// The zero tag belongs to nodes that are in no cluster yet.
type Tag [8]byte

// TagOf gives the tag of a cluster in one of its epochs: whoever is of another
// epoch is of another cluster.
func TagOf(id core.ClusterID, epoch core.Epoch) Tag {
	return Tag(binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(id[:8])^uint64(epoch)))
}

// IsZero says that the sender is in no cluster.
func (t Tag) IsZero() bool { return t == Tag{} }

// String gives the 16 hexadecimal digits with which the ClusterID begins.
func (t Tag) String() string { return fmt.Sprintf("%x", t[:]) }

// LogHint is what heartbeats carry for the log: how far the sender knows it to
// be committed, and who it believes leads.
type LogHint struct {
	Commit uint64
	Leader core.NodeID
	Term   uint64
}

// Packet is one datagram. A part that has its zero value is absent. The byte
// slices of decoded News point into the decoded bytes.
type Packet struct {
	Kind     Kind
	Cluster  Tag
	From     core.NodeID
	Instance core.Instance
	Nonce    uint64

	// Target is whom a ping is for, or whom a forwarded ack comes from.
	Target core.NodeID
	// Budget is how long the sender of a ping-req still waits, in milliseconds.
	Budget uint16
	// Addr is Target's address, or, in beacons, the sender's.
	Addr netip.AddrPort
	Log  LogHint
	// View is the hash of the sender's membership table.
	View uint64
	// Load and Applied describe the sender's machine and its log.
	Load    core.Load
	Applied uint64
	News    []News
	// Beats are others' heartbeats that the sender knows of.
	Beats []Beat
	// Engine is a message of the consensus engine.
	Engine EngineBeat
}

// AppendPacket appends the datagram to dst and returns it. It panics when the
// packet is longer than PlainPacket or breaks a bound that its maker must
// keep (more than MaxNews rows, labels that CheckNews refuses).
func AppendPacket(dst []byte, p *Packet) []byte {
	start := len(dst)
	dst = append(dst, 'h', 'b', DatagramVersion, byte(p.Kind))
	dst = append(dst, p.Cluster[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.From))
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.Instance))
	dst = binary.BigEndian.AppendUint64(dst, p.Nonce)
	parts := p.parts()
	dst = append(dst, parts)
	if parts&partTarget != 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(p.Target))
		dst = binary.BigEndian.AppendUint16(dst, p.Budget)
	}
	if parts&partAddress != 0 {
		dst = appendAddr(dst, p.Addr)
	}
	if parts&partLog != 0 {
		dst = binary.BigEndian.AppendUint64(dst, p.Log.Commit)
		dst = binary.BigEndian.AppendUint64(dst, uint64(p.Log.Leader))
		dst = binary.BigEndian.AppendUint64(dst, p.Log.Term)
	}
	if parts&partView != 0 {
		dst = binary.BigEndian.AppendUint64(dst, p.View)
	}
	if parts&partLoad != 0 {
		dst = appendLoad(dst, &p.Load, p.Applied)
	}
	if parts&partNews != 0 {
		dst = appendNewsPart(dst, p.News)
	}
	if parts&partBeats != 0 {
		dst = appendBeats(dst, p.Beats)
	}
	if parts&partEngine != 0 {
		dst = appendEngineBeat(dst, &p.Engine)
	}
	for p.Kind.padded() && len(dst)-start < BeaconSize {
		dst = append(dst, 0)
	}
	if n := len(dst) - start; n > PlainPacket || p.Kind.bounded() && n > BeaconSize {
		panic(fmt.Sprintf("wire: %s of %d bytes is too long for a datagram", p.Kind, n))
	}
	return dst
}

// Size is the length that AppendPacket would add.
func (p *Packet) Size() int {
	n, parts := headerSize, p.parts()
	if parts&partTarget != 0 {
		n += 10
	}
	if parts&partAddress != 0 {
		n += addrSize(p.Addr)
	}
	if parts&partLog != 0 {
		n += 24
	}
	if parts&partView != 0 {
		n += 8
	}
	if parts&partLoad != 0 {
		n += loadSize
	}
	if parts&partNews != 0 {
		n++
		for i := range p.News {
			n += p.News[i].Size()
		}
	}
	if parts&partBeats != 0 {
		n += 1 + beatSize*len(p.Beats)
	}
	if parts&partEngine != 0 {
		n += engineBeatSize
	}
	if p.Kind.padded() {
		n = max(n, BeaconSize)
	}
	return n
}

func (p *Packet) parts() byte {
	var parts byte
	if p.Target != 0 || p.Budget != 0 {
		parts |= partTarget
	}
	if p.Addr.IsValid() {
		parts |= partAddress
	}
	if p.Log != (LogHint{}) {
		parts |= partLog
	}
	if p.View != 0 {
		parts |= partView
	}
	if p.Load != (core.Load{}) || p.Applied != 0 {
		parts |= partLoad
	}
	if len(p.News) > 0 {
		parts |= partNews
	}
	if len(p.Beats) > 0 {
		parts |= partBeats
	}
	if p.Engine != (EngineBeat{}) {
		parts |= partEngine
	}
	return parts
}

// DecodePacket reads a datagram into p, whose News and Beats slices are reused,
// so that decoding allocates nothing once those have grown. Decoded News point
// into b. The error is an ErrVersion (which names the version) or an
// ErrMalformed; p is then worthless.
func DecodePacket(p *Packet, b []byte) error {
	news, beats := p.News[:0], p.Beats[:0]
	*p = Packet{News: news, Beats: beats}
	if len(b) < 4 || b[0] != 'h' || b[1] != 'b' {
		return fmt.Errorf("datagram of %d bytes: %w", len(b), ErrMalformed)
	}
	if b[2] != DatagramVersion {
		return fmt.Errorf("datagram of version %d, here is %d: %w", b[2], DatagramVersion, ErrVersion)
	}
	r := reader{b: b[3:]}
	p.Kind = Kind(r.u8())
	copy(p.Cluster[:], r.bytes(len(p.Cluster)))
	p.From = core.NodeID(r.u64())
	p.Instance = core.Instance(r.u32())
	p.Nonce = r.u64()
	p.decodeParts(&r, r.u8())
	if p.Kind == 0 || p.Kind >= kindEnd || p.From == 0 || len(b) > MaxPacket {
		r.bad = true
	}
	if p.Kind.padded() {
		r.bad = r.bad || len(b) != BeaconSize
		r.zeros()
	}
	if r.bad || len(r.b) != 0 {
		return fmt.Errorf("%s datagram of %d bytes: %w", p.Kind, len(b), ErrMalformed)
	}
	return nil
}

func (p *Packet) decodeParts(r *reader, parts byte) {
	if parts&partTarget != 0 {
		p.Target, p.Budget = core.NodeID(r.u64()), r.u16()
	}
	if parts&partAddress != 0 {
		p.Addr = r.addr()
	}
	if parts&partLog != 0 {
		p.Log = LogHint{Commit: r.u64(), Leader: core.NodeID(r.u64()), Term: r.u64()}
	}
	if parts&partView != 0 {
		p.View = r.u64()
	}
	if parts&partLoad != 0 {
		p.Load, p.Applied = r.load()
	}
	if parts&partNews != 0 {
		p.News = r.news(p.News)
	}
	if parts&partBeats != 0 {
		p.Beats = r.beats(p.Beats)
	}
	if parts&partEngine != 0 {
		p.Engine = r.engineBeat()
	}
}
