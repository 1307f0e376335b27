package spread

import (
	"slices"

	"hb/core"
	"hb/core/member"
	"hb/core/wire"
)

// Mode is how news leaves a member.
type Mode uint8

// The modes; doc.go says how they differ.
const (
	Piggyback Mode = iota
	Unicast
	Multicast
)

var modeNames = [...]string{Piggyback: "piggyback", Unicast: "unicast", Multicast: "multicast"}

// String gives the name as it stands in a configuration.
func (m Mode) String() string { return modeNames[m] }

// ParseMode reads what String gives; the empty word is Piggyback.
func ParseMode(s string) (Mode, bool) {
	if s == "" {
		return Piggyback, true
	}
	i := slices.Index(modeNames[:], s)
	return Mode(max(i, 0)), i >= 0
}

// Relays says whether members pass on what they hear from others. Where they do
// not, news is the duty of who found it out or was told it over a stream.
func (m Mode) Relays() bool { return m == Piggyback }

// Outbox holds the news that goes to everybody at once: what Queue is to
// Piggyback it is to the other modes.
type Outbox struct{ rows []member.Row }

// Push adds news of a row, in place of whatever it overrides.
func (o *Outbox) Push(row member.Row) {
	o.rows = slices.DeleteFunc(o.rows, func(r member.Row) bool {
		return r.ID == row.ID && (row.Outranks(r) || row.SameRank(r) && row.Accuser == r.Accuser)
	})
	if !slices.ContainsFunc(o.rows, func(r member.Row) bool { return r.ID == row.ID && r.Outranks(row) }) {
		o.rows = append(o.rows, row)
	}
}

// Accused lists whom the news accuses.
func (o *Outbox) Accused() []core.NodeID {
	var ids []core.NodeID
	for _, r := range o.rows {
		if (r.Status == core.Suspect || r.Status == core.Dead) && !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Take empties the outbox: bulletins that hold all of it, the oldest first.
func (o *Outbox) Take() []wire.Packet {
	var out []wire.Packet
	p := wire.Packet{Kind: wire.KindBulletin}
	room := wire.PlainPacket - p.Size() - 1
	left := room
	for _, row := range o.rows {
		news := member.ToNews(row)
		if size := news.Size(); size > left || len(p.News) == wire.MaxNews {
			out = append(out, p)
			p.News, left = nil, room
		}
		p.News, left = append(p.News, news), left-news.Size()
	}
	if len(p.News) > 0 {
		out = append(out, p)
	}
	o.rows = nil
	return out
}
