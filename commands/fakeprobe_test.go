package commands

import (
	"strconv"
	"time"

	"hb/core"
	"hb/core/node"
)

func (f *fake) probe(q node.Probe) any {
	if q.Node == 2 || q.Addr.Port() == 7002 {
		ok := node.Reach{OK: true, RTT: 1250 * time.Microsecond}
		via := ok
		via.Node = "d"
		return node.ProbeView{UDP: ok, TCP: ok, Via: []node.Reach{via}}
	}
	return node.ProbeView{UDP: node.Reach{Error: "no answer"}, TCP: node.Reach{Error: "connection refused"}, Via: []node.Reach{{Node: "b", Error: "no answer"}}}
}

// mesh is one of a (1), b (2), c (3) and d (4), of which c does not answer and d
// hears a but is not heard; alone there are a and c, many have more members, of which all is well.
func (f *fake) mesh(q node.ProbeMesh) any {
	v := node.MeshView{Members: []node.MeshMember{
		{ID: 1, Name: "a", Self: true, Answered: true}, {ID: 2, Name: "b", Answered: true}, {ID: 3, Name: "c"}, {ID: 4, Name: "d", Answered: true},
	}}
	if len(q.Members) > 0 {
		v.Members = v.Members[:len(q.Members)]
	}
	if f.mode == "many" {
		for i := range 20 {
			v.Members = append(v.Members, node.MeshMember{ID: core.NodeID(5 + i), Name: "m" + strconv.Itoa(5+i), Answered: true})
		}
	}
	if f.mode == "alone" {
		v.Members = []node.MeshMember{{ID: 1, Name: "a", Self: true, Answered: true}, {ID: 3, Name: "c"}}
	}
	for _, from := range v.Members {
		for _, to := range v.Members {
			p := node.MeshPair{From: from.ID, To: to.ID, Known: true, Arrives: true, RTT: 1250 * time.Microsecond, Status: core.Alive}
			switch {
			case from.ID == to.ID:
				continue
			case from.ID == 3:
				p.Arrives, p.RTT, p.Status = false, -1, 0
			case to.ID == 3:
				p.Known, p.Arrives, p.RTT, p.Status = false, false, -1, core.Dead
			case from.ID == 4 && to.ID == 1:
				p.Arrives, p.RTT = false, -1
			case from.ID == 1 && to.ID == 4:
				p.RTT, p.Status = -1, core.Suspect
			}
			v.Pairs = append(v.Pairs, p)
		}
	}
	return v
}
