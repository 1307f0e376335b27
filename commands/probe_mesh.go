package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hb/commands/render"
	"hb/core/control"
)

// widestMatrix is how many members are shown as a matrix; of more, each has a line.
const widestMatrix = 16

// runProbeMesh has all members, or those named, ping each other at once.
func runProbeMesh(c *call) error {
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	mesh, err := client.ProbeMesh(ctx, c.words)
	if err != nil {
		return err
	}
	if len(mesh.Members) < 2 {
		fmt.Fprintln(c.stderr, "hb: there is no other member to probe")
		return exit(1)
	}
	m := newMatrix(mesh)
	table := m.table()
	if c.form == "plain" {
		table = pairsTable(mesh)
	}
	if err := c.print(mesh, pairRecords(mesh), table); err != nil {
		return err
	}
	words := m.words()
	if c.form == "table" && !c.quiet {
		for _, line := range words {
			fmt.Fprintln(c.stderr, "hb: "+render.Safe(line))
		}
	}
	if len(words) > 0 {
		return exit(1)
	}
	return nil
}

func pairRecords(mesh *control.Mesh) (records []any) {
	for _, p := range mesh.Pairs {
		records = append(records, struct {
			Schema string `json:"schema"`
			control.MeshPair
		}{"hb.mesh-pair/1", p})
	}
	return records
}

func pairsTable(mesh *control.Mesh) *render.Table {
	t := &render.Table{Header: []string{"FROM", "TO", "PACKETS", "RTT", "STATUS"}}
	for _, p := range mesh.Pairs {
		t.Rows = append(t.Rows, []string{p.From, p.To, fate(p), rtt(p.RTT), orEmpty(p.Status)})
	}
	return t
}

// fate is what became of the packets of one direction.
func fate(p control.MeshPair) string {
	switch {
	case p.Arrives == nil:
		return "unknown"
	case *p.Arrives:
		return "arrive"
	}
	return "lost"
}

// matrix is a mesh by the places of its members.
type matrix struct {
	members []control.MeshMember
	pairs   [][]control.MeshPair // [from][to]
}

// newMatrix goes by the order of the pairs, since names may be borne twice.
func newMatrix(mesh *control.Mesh) *matrix {
	m := &matrix{members: mesh.Members}
	next := 0
	for from := range mesh.Members {
		row := make([]control.MeshPair, len(mesh.Members))
		for to := range mesh.Members {
			if to != from && next < len(mesh.Pairs) {
				row[to] = mesh.Pairs[next]
				next++
			}
		}
		m.pairs = append(m.pairs, row)
	}
	return m
}

// table is the matrix for people: from each row to each column.
func (m *matrix) table() *render.Table {
	if len(m.members) > widestMatrix {
		return m.summary()
	}
	t := &render.Table{Header: []string{"FROM/TO"}}
	for from, member := range m.members {
		t.Header = append(t.Header, member.Name)
		t.Shrink = append(t.Shrink, from+1)
		row := []string{member.Name}
		for to, p := range m.pairs[from] {
			if to == from {
				row = append(row, "")
				continue
			}
			cell := fate(p)
			if p.RTT != nil {
				cell = rtt(p.RTT)
			}
			if s := orEmpty(p.Status); s != "" && s != "alive" {
				cell += " (" + s + ")"
			}
			row = append(row, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// summary has one line for each member.
func (m *matrix) summary() *render.Table {
	t := &render.Table{Header: []string{"NAME", "ARRIVES AT", "HEARS", "SLOWEST", "LOST TO"}, Shrink: []int{4}}
	for i, member := range m.members {
		arrives, hears, slowest := 0, 0, (*float64)(nil)
		for j := range m.members {
			if j == i {
				continue
			}
			arrives += count(yes(m.pairs[i][j].Arrives))
			hears += count(yes(m.pairs[j][i].Arrives))
			if r := m.pairs[i][j].RTT; r != nil && (slowest == nil || *r > *slowest) {
				slowest = r
			}
		}
		of := "/" + strconv.Itoa(len(m.members)-1)
		t.Rows = append(t.Rows, []string{
			member.Name, strconv.Itoa(arrives) + of, strconv.Itoa(hears) + of, rtt(slowest),
			m.names(func(j int) bool { return no(m.pairs[i][j].Arrives) }),
		})
	}
	return t
}

// words says what is wrong; nothing when everybody answers everybody.
func (m *matrix) words() (lines []string) {
	if !slices.ContainsFunc(m.members, func(o control.MeshMember) bool { return o.Answered && !o.Self }) {
		return []string{"nobody answers this node: it is cut off, or all others are down"}
	}
	silent := make([]bool, len(m.members)) // said of as a whole
	for i, member := range m.members {
		if member.Answered {
			continue
		}
		heard := m.names(func(j int) bool { return yes(m.pairs[i][j].Arrives) })
		if silent[i] = heard == ""; silent[i] {
			lines = append(lines, member.Name+" does not answer, and nobody hears it: it is down or cut off")
			continue
		}
		lines = append(lines, member.Name+" was not asked, or its answer was lost, but it is heard by "+heard)
	}
	for i, member := range m.members {
		if silent[i] {
			continue
		}
		lost := func(from, to int) bool { return !silent[to] && no(m.pairs[from][to].Arrives) }
		if to := m.names(func(j int) bool { return lost(i, j) && !lost(j, i) }); to != "" {
			lines = append(lines, fmt.Sprintf("what %s sends does not arrive at %s; the other direction works", member.Name, to))
		}
		if to := m.names(func(j int) bool { return j > i && lost(i, j) && lost(j, i) }); to != "" {
			lines = append(lines, fmt.Sprintf("%s and %s do not hear each other", member.Name, to))
		}
		if to := m.names(func(j int) bool {
			return m.pairs[i][j].RTT == nil && yes(m.pairs[i][j].Arrives) && yes(m.pairs[j][i].Arrives) && member.Answered
		}); to != "" {
			lines = append(lines, fmt.Sprintf("%s got no answer from %s, although packets arrive both ways: many are lost", member.Name, to))
		}
	}
	return lines
}

// names lists the members that are meant.
func (m *matrix) names(meant func(i int) bool) string {
	var list []string
	for i, member := range m.members {
		if meant(i) {
			list = append(list, member.Name)
		}
	}
	return strings.Join(list, ", ")
}

func yes(b *bool) bool { return b != nil && *b }
func no(b *bool) bool  { return b != nil && !*b }

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
