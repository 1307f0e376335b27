package control

import (
	"net/netip"
	"strconv"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// This file turns the node's answers into the shapes of types.go.

// names maps members to what people call them.
type names map[core.NodeID]string

// of gives the member's name, or its ID when nobody has told us the name.
func (n names) of(id core.NodeID) string {
	if name := n[id]; name != "" {
		return name
	}
	return id.String()
}

// known is the value behind a pointer, or null.
func known[T any](v T, ok bool) *T {
	if !ok {
		return nil
	}
	return &v
}

func text(s string) *string { return known(s, s != "") }

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// position is an index or term, of which zero is none.
func position(n uint64) *string { return known(number(n), n != 0) }

func wallTime(unixNanos int64) *time.Time {
	return known(time.Unix(0, unixNanos).UTC(), unixNanos != 0)
}

func address(a netip.AddrPort) *string { return known(a.String(), a.IsValid()) }

// span is a duration in seconds, unknown when negative.
func span(d time.Duration) *float64 { return known(d.Seconds(), d >= 0) }

// list makes sure that an empty list is [] and not null.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func membersOf(v node.MembersView) Members {
	out := Members{Schema: "hb.members/1", Cluster: clusterOf(v.Cluster), Members: []Member{}, Isolated: v.Isolated}
	for i := range v.Members {
		out.Members = append(out.Members, memberOf(&v.Members[i]))
	}
	return out
}

func clusterOf(v node.ClusterView) Cluster {
	in := !v.ID.IsZero()
	return Cluster{ID: known(v.ID.String(), in), Name: known(v.Name, in), Epoch: known(v.Epoch.String(), in)}
}

func memberOf(v *node.MemberView) Member {
	tags := v.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return Member{
		ID:      v.ID.String(),
		Name:    v.Name,
		Address: address(v.Addr),
		Status:  v.Status.String(),
		Agreed:  text(v.Agreed),
		Role:    v.Role,
		Self:    v.Self,
		Drained: v.Drained,
		Stress:  known(int(v.Load.Stress), v.Loaded),
		RTT:     span(v.RTT),
		Tasks: Slots{
			Running: known(int(v.Load.Running), v.Loaded),
			Slots:   known(int(v.Load.Slots), v.Loaded),
		},
		Applied:  position(v.Applied),
		Version:  text(v.Version),
		Tags:     tags,
		Instance: uint32(v.Instance),
		Since:    wallTime(v.Since),
		Blame:    text(v.Blame),
	}
}

func leaderOf(v node.LeaderView) Leader {
	some := v.ID != 0
	return Leader{
		Schema:    "hb.leader/1",
		ID:        known(v.ID.String(), some),
		Name:      known(v.Name, some),
		Address:   address(v.Addr),
		Term:      position(v.Term),
		Confirmed: some && v.Confirmed,
		Age:       known(v.Age.Seconds(), some),
		Self:      some && v.Self,
	}
}

func statusOf(v node.StatusView, who names) Status {
	out := Status{
		Schema:       "hb.status/1",
		ID:           v.ID.String(),
		Name:         v.Name,
		Version:      v.Version,
		Cluster:      clusterOf(v.Cluster),
		Features:     Features{Cluster: int(v.Features.Cluster), Here: int(v.Features.Here), HeldBackBy: append([]string{}, v.Features.Holding...)},
		Detector:     v.Detector,
		Role:         v.Role,
		Leader:       Named{ID: known(v.Leader.ID.String(), v.Leader.ID != 0), Name: text(v.Leader.Name)},
		Term:         position(v.Term),
		Commit:       position(v.Commit),
		Applied:      position(v.Applied),
		Voters:       []Named{},
		Health:       v.Health,
		Plight:       text(v.Plight),
		ToDo:         text(v.ToDo),
		Stress:       int(v.Stress),
		Uptime:       v.Uptime.Seconds(),
		MembersAlive: v.MembersAlive,
		Members:      v.Members,
		Certified:    wallTime(v.CertifiedUntil),
		Tasks:        workOf(v.Work),
		Unable:       unableOf(v.Name, v.Unable),
		Unconfined:   text(v.Unconfined),
	}
	for _, id := range v.Voters {
		out.Voters = append(out.Voters, Named{ID: known(id.String(), true), Name: text(who[id])})
	}
	if n := len(v.Voters); n > 0 {
		out.Survives = (n - 1) / 2
	}
	return out
}

// workOf names every way to end, so that none appears only once it has happened.
func workOf(v node.WorkView) Work {
	out := Work{Queued: v.Queued, Assigned: v.Granted, Ended: map[string]uint64{}}
	for _, status := range ledger.Finals() {
		out.Ended[status] = v.Ended[status]
	}
	return out
}

func votersOf(v node.VotersView, who names) Voters {
	out := Voters{
		Schema: "hb.voters/1", Target: v.Target, Voting: v.Voting, Survives: max(v.Voting-1, 0) / 2,
		Leader: known(who.of(v.Leader), v.Leader != 0), Changing: v.Changing, Settled: known(v.Settled, v.Known), Members: []Voter{},
	}
	for i := range v.Members {
		m := &v.Members[i]
		out.Members = append(out.Members, Voter{
			ID: m.ID.String(), Name: m.Name, Role: m.Role, Agreed: text(m.State), Status: known(m.Status.String(), m.Status != 0),
			Wish: m.Vote, Match: position(m.Match), Applied: position(m.Applied), Zone: text(m.Zone), Since: wallTime(m.Since), Why: m.Why,
		})
	}
	return out
}

func positionsOf(v node.PositionsView) Positions {
	out := Positions{Schema: "hb.positions/1", Commit: position(v.Commit), Members: []Position{}}
	for i := range v.Members {
		m := &v.Members[i]
		out.Members = append(out.Members, Position{
			ID: m.ID.String(), Name: m.Name, Role: m.Role, Status: m.Status.String(), Self: m.Self, Answered: m.OK,
			Term: position(m.Term), Commit: position(m.Commit), Applied: position(m.Applied),
			Lag: known(int64(v.Commit-min(m.Applied, v.Commit)), m.Applied != 0), Match: position(m.Match),
			First: position(m.First), Last: position(m.Last), Snapshot: position(m.Snapshot),
		})
	}
	return out
}

func submittedOf(v node.Submitted) Submitted {
	who := v.Name
	if who == "" {
		who = v.Node.String()
	}
	return Submitted{
		Schema: "hb.submitted/1",
		Task:   v.Task.String(),
		Index:  number(v.Index),
		Node:   known(who, v.Node != 0),
	}
}

func outputOf(v node.Output, offset, gap uint64) Output {
	stream := "stdout"
	if v.Stream == 2 {
		stream = "stderr"
	}
	return Output{Schema: "hb.output/1", Attempt: v.Attempt, Stream: stream, Offset: offset, Gap: gap, Data: v.Data}
}

func eventOf(v node.Record) Event {
	return Event{
		Schema:  "hb.event/1",
		Cursor:  number(v.Cursor),
		Time:    time.Unix(0, v.Wall).UTC(),
		Kind:    v.Kind,
		Subject: v.Subject,
		Detail:  v.Detail,
		Index:   position(v.Index),
	}
}

func entryOf(v node.LogRecord, who names) Entry {
	out := Entry{
		Schema:   "hb.entry/1",
		Index:    number(v.Index),
		Term:     number(v.Term),
		Time:     wallTime(v.Wall),
		Kind:     v.Kind,
		Commands: []Command{},
		Text:     v.Text,
	}
	for _, c := range v.Commands {
		out.Commands = append(out.Commands, commandOf(c, who))
	}
	return out
}

// commandOf names a command by the field of the schema that it is.
func commandOf(c *wire.Command, who names) Command {
	out := Command{Kind: commandKind(c), Proposer: known(who.of(core.NodeID(c.Proposer)), c.Proposer != 0)}
	if task := c.GetSubmit().GetTask(); task != nil {
		out.Task = known(taskID(task), true)
	}
	for _, m := range []interface{ GetTask() []byte }{c.GetAssign(), c.GetFinish(), c.GetCancel(), c.GetRequeue(), c.GetFire()} {
		if task := m.GetTask(); task != nil {
			out.Task = known(taskID(task), true)
		}
	}
	if n := c.GetNote(); n != nil {
		out.Text = known(string(n.Text), true)
	}
	return out
}

func commandKind(c *wire.Command) string {
	m := c.ProtoReflect()
	body := m.Descriptor().Oneofs().ByName("body")
	if field := m.WhichOneof(body); field != nil {
		return string(field.Name())
	}
	return "unknown"
}
