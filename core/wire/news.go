package wire

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"unicode/utf8"

	"hb/core"
)

// The layout of a row of news inside a datagram:
//
//	8  NodeID of the subject
//	1  bits 0–2 the status, bit 3 an accuser follows, bit 4 labels follow
//	4  instance
//	4  incarnation
//	   accuser  8 NodeID of who accuses, 1 reason
//	   labels   1 length (4 or 16), IP address, 2 port
//	            1 length, name
//	            1 length, version, 2 feature level
//	            8 RaftID
//	            2 length of all tags, then each: 1 length, key, 1 length, value
//
// Labels travel with whatever may be the first that somebody hears of a member
// (alive); accusations do without them and cost 26 bytes.

// Limits of a member's labels.
const (
	MaxName    = 63
	MaxVersion = 32
	MaxTags    = 512 // bytes of all tags as they travel
)

const (
	newsAccuser = 1 << 3
	newsLabels  = 1 << 4
)

// Reason is why somebody accuses a member.
type Reason uint8

// The reasons.
const (
	// ReasonSilent: no ack, neither directly nor through others.
	ReasonSilent Reason = iota + 1
	// ReasonRefused: its host answers that no process listens there.
	ReasonRefused
	// ReasonHearsay: another member's table says dead; nobody here saw it.
	ReasonHearsay
	// ReasonMissed: its heartbeats stopped coming.
	ReasonMissed
)

var reasonNames = [...]string{
	ReasonSilent:  "no answer, neither directly nor through others",
	ReasonRefused: "its host refuses: no process listens there",
	ReasonHearsay: "another member's table said so",
	ReasonMissed:  "its heartbeats stopped coming, and it does not answer",
}

// String gives the reason in words; empty when there is none.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// News is a row of a membership table as it rides on a datagram.
type News struct {
	ID          core.NodeID
	Status      core.Status // Alive to Left
	Instance    core.Instance
	Incarnation core.Incarnation
	// Accuser and Why are set on suspect and dead rows.
	Accuser core.NodeID
	Why     Reason

	// Name is empty when the row carries no labels; then so are the rest.
	Name    []byte
	Addr    netip.AddrPort
	Version []byte
	// Features is the feature level of the member's program.
	Features core.Features
	Raft     core.RaftID
	// Tags are laid out as they travel: AppendTags, ParseTags.
	Tags []byte
}

// Size is how many bytes the row takes in a datagram.
func (n *News) Size() int {
	size := 17
	if n.Accuser != 0 {
		size += 9
	}
	if len(n.Name) > 0 {
		size += addrSize(n.Addr) + 1 + len(n.Name) + 1 + len(n.Version) + 2 + 8 + 2 + len(n.Tags)
	}
	return size
}

// CheckLabels says why labels cannot travel: a missing or overlong name, text
// that is not UTF-8, tags that are too long in sum.
func CheckLabels(name, version string, tags map[string]string) error {
	switch {
	case name == "" || len(name) > MaxName || !utf8.ValidString(name):
		return fmt.Errorf("name %q: must be 1 to %d bytes of UTF-8", name, MaxName)
	case len(version) > MaxVersion || !utf8.ValidString(version):
		return fmt.Errorf("version %q: must be at most %d bytes of UTF-8", version, MaxVersion)
	}
	size := 0
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		v := tags[k]
		if k == "" || len(k) > 255 || len(v) > 255 || !utf8.ValidString(k) || !utf8.ValidString(v) {
			return fmt.Errorf("tag %q=%q: key and value must be at most 255 bytes of UTF-8, the key not empty", k, v)
		}
		size += 2 + len(k) + len(v)
	}
	if size > MaxTags {
		return fmt.Errorf("the tags take %d bytes together, at most %d may travel", size, MaxTags)
	}
	return nil
}

// AppendTags appends tags as they travel, sorted by key. The tags must have
// passed CheckLabels.
func AppendTags(dst []byte, tags map[string]string) []byte {
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		dst = append(dst, byte(len(k)))
		dst = append(dst, k...)
		dst = append(dst, byte(len(tags[k])))
		dst = append(dst, tags[k]...)
	}
	return dst
}

// ParseTags reads what AppendTags wrote; nil for none. It reads as far as the
// bytes make sense, which DecodePacket has checked for those in a datagram.
func ParseTags(b []byte) map[string]string {
	if len(b) == 0 {
		return nil
	}
	tags := make(map[string]string)
	r := reader{b: b}
	for len(r.b) > 0 {
		k := r.bytes(int(r.u8()))
		v := r.bytes(int(r.u8()))
		if r.bad || len(k) == 0 {
			break
		}
		tags[string(k)] = string(v)
	}
	return tags
}

func appendNewsPart(dst []byte, news []News) []byte {
	if len(news) > MaxNews {
		panic(fmt.Sprintf("wire: %d rows of news in one datagram", len(news)))
	}
	dst = append(dst, byte(len(news)))
	for i := range news {
		dst = appendNews(dst, &news[i])
	}
	return dst
}

func appendNews(dst []byte, n *News) []byte {
	bits := byte(n.Status)
	if n.Accuser != 0 {
		bits |= newsAccuser
	}
	if len(n.Name) > 0 {
		bits |= newsLabels
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(n.ID))
	dst = append(dst, bits)
	dst = binary.BigEndian.AppendUint32(dst, uint32(n.Instance))
	dst = binary.BigEndian.AppendUint32(dst, uint32(n.Incarnation))
	if n.Accuser != 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(n.Accuser))
		dst = append(dst, byte(n.Why))
	}
	if len(n.Name) == 0 {
		return dst
	}
	if len(n.Name) > MaxName || len(n.Version) > MaxVersion || len(n.Tags) > MaxTags || !n.Addr.IsValid() {
		panic(fmt.Sprintf("wire: labels of %s must not travel: %q at %s, version %q, %d bytes of tags",
			n.ID, n.Name, n.Addr, n.Version, len(n.Tags)))
	}
	dst = appendAddr(dst, n.Addr)
	dst = append(dst, byte(len(n.Name)))
	dst = append(dst, n.Name...)
	dst = append(dst, byte(len(n.Version)))
	dst = append(dst, n.Version...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(n.Features))
	dst = binary.BigEndian.AppendUint64(dst, uint64(n.Raft))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(n.Tags)))
	return append(dst, n.Tags...)
}

// news reads the news part, appending to rows.
func (r *reader) news(rows []News) []News {
	count := int(r.u8())
	if count == 0 || count > MaxNews {
		r.bad = true
		return rows
	}
	for range count {
		n := r.row()
		if r.bad {
			return rows
		}
		rows = append(rows, n)
	}
	return rows
}

func (r *reader) row() News {
	n := News{ID: core.NodeID(r.u64())}
	bits := r.u8()
	n.Status = core.Status(bits & 7)
	n.Instance = core.Instance(r.u32())
	n.Incarnation = core.Incarnation(r.u32())
	if bits&newsAccuser != 0 {
		n.Accuser, n.Why = core.NodeID(r.u64()), Reason(r.u8())
		r.bad = r.bad || n.Accuser == 0
	}
	if bits&newsLabels != 0 {
		n.Addr = r.addr()
		n.Name = r.text(int(r.u8()), MaxName)
		n.Version = r.text(int(r.u8()), MaxVersion)
		n.Features = core.Features(r.u16())
		n.Raft = core.RaftID(r.u64())
		n.Tags = r.tags(int(r.u16()))
		r.bad = r.bad || len(n.Name) == 0
	}
	if n.ID == 0 || n.Status < core.Alive || n.Status > core.Left || bits>>5 != 0 {
		r.bad = true
	}
	return n
}

// tags takes n bytes of tags and checks that they are whole pairs in order.
func (r *reader) tags(n int) []byte {
	if n > MaxTags {
		r.bad = true
		return nil
	}
	whole := r.bytes(n)
	pairs := reader{b: whole}
	var last []byte
	for len(pairs.b) > 0 && !pairs.bad {
		k := pairs.text(int(pairs.u8()), 255)
		pairs.text(int(pairs.u8()), 255)
		if len(k) == 0 || last != nil && string(k) <= string(last) {
			pairs.bad = true
		}
		last = k
	}
	r.bad = r.bad || pairs.bad
	return whole
}
