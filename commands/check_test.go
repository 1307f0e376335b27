package commands

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/control"
)

// vital is a node of three, all of which live.
func vital() *vitals {
	id, name, leader, commit := "ab", "lab", "b", "7"
	v := &vitals{led: true, disk: 5000, now: time.Unix(0, 0), members: &control.Members{}, status: &control.Status{
		Cluster: control.Cluster{ID: &id, Name: &name}, Leader: control.Named{Name: &leader}, Commit: &commit, Applied: &commit,
		Health: "healthy", MembersAlive: 3, Members: 3,
	}}
	ends := v.now.AddDate(0, 0, 60)
	v.status.Certified = &ends
	for _, who := range []string{"a", "b", "c"} {
		v.members.Members = append(v.members.Members, control.Member{ID: who, Name: who, Status: "alive"})
		v.status.Voters = append(v.status.Voters, control.Named{ID: &who})
	}
	return v
}

func TestTheStateOfANodeIsOneOfNagios(t *testing.T) {
	for _, x := range []struct {
		line   string
		change func(*vitals)
	}{
		{"HB OK - lab: 3 of 3 members alive, leader b | alive=3;;;0;3 dead=0;0;;0 suspect=0;;;0 unreachable=0;0;;0 spare=1 stress=0;;;0;1000 lag=0;;;0 queued=0;;;0 unable=0;0;;0 certificate=60;15:;3: disk=5000;1024:;64:;0", func(*vitals) {}},
		{"HB CRITICAL - no node answers", func(v *vitals) { *v = vitals{fault: core.Faultf(core.CodeNoNode, "no node answers")} }},
		{"HB CRITICAL - no answer in time", func(v *vitals) { *v = vitals{fault: core.Faultf(core.CodeTimeout, "no answer in time")} }},
		{"HB UNKNOWN - closed to you", func(v *vitals) { *v = vitals{fault: core.Faultf(core.CodeDenied, "closed to you")} }},
		{"HB CRITICAL - the node is in no cluster yet; ", func(v *vitals) { v.status.Cluster.ID = nil }},
		{"HB CRITICAL - the node hears none of the others; ", func(v *vitals) { v.status.Health = "isolated" }},
		{"HB CRITICAL - no leader: 2 are needed; ", func(v *vitals) { v.led, v.status.Plight = false, new("2 are needed") }},
		{"HB CRITICAL - no leader that a quorum confirms; lab: 3 of 3 members alive |", func(v *vitals) { v.led = false }},
		{"HB WARNING - dead: b/c; ", func(v *vitals) { v.members.Members[1].Status, v.members.Members[1].Name = "dead", "b|c" }},
		{"HB WARNING - unreachable: c; ", func(v *vitals) { v.members.Members[2].Status = "unreachable" }},
		{"HB OK - ", func(v *vitals) { v.members.Members[2].Status = "suspect" }},
		{"HB WARNING - the certificate ends in 10.0 days; ", func(v *vitals) { v.now = v.now.AddDate(0, 0, 50) }},
		{"HB CRITICAL - the certificate ends in 1.0 days; ", func(v *vitals) { v.now = v.now.AddDate(0, 0, 59) }},
		{"HB WARNING - 500 MiB left for the data directory; ", func(v *vitals) { v.disk = 500 }},
		{"HB CRITICAL - 12 MiB left for the data directory; ", func(v *vitals) { v.disk = 12 }},
		{"HB WARNING - a has no user hb: useradd --system hb, and so cannot run any command, backup; lab: 3 of 3 members alive, leader b | ", func(v *vitals) {
			v.status.Unable = []control.Unable{{Member: "a", Free: true, Tasks: []string{"backup"}, Why: "has no user hb: useradd --system hb"}}
		}},
		{"HB OK - ", func(v *vitals) { v.disk, v.status.Certified = -1, nil }},
	} {
		v := vital()
		x.change(v)
		s := v.judge(defaultLimits())
		if got := s.line(); len(got) < len(x.line) || got[:len(x.line)] != x.line {
			t.Errorf("got  %s\nwant %s", got, x.line)
		}
		if states := map[string]int{"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}; states[s.Status] != s.Code {
			t.Errorf("%s has the code %d", s.Status, s.Code)
		}
	}
}

func TestRangesAreThoseOfTheGuidelines(t *testing.T) {
	for _, x := range []struct {
		text    string
		in, out []float64
	}{
		{"10", []float64{0, 5, 10}, []float64{-1, 11}},
		{"10:", []float64{10, 1e9}, []float64{9.9, -1}},
		{"~:10", []float64{-1e9, 10}, []float64{10.1}},
		{"10:20", []float64{10, 20}, []float64{9, 21}},
		{"@10:20", []float64{9, 21}, []float64{10, 20}},
		{"-2:2", []float64{-2, 2}, []float64{-3, 3}},
		{"", []float64{-1, 0, 1}, nil},
	} {
		r, err := parseSpan(x.text)
		if err != nil {
			t.Errorf("%q: %v", x.text, err)
			continue
		}
		for _, v := range x.in {
			if !r.holds(v) {
				t.Errorf("%v is not in %q", v, x.text)
			}
		}
		for _, v := range x.out {
			if r.holds(v) {
				t.Errorf("%v is in %q", v, x.text)
			}
		}
		if text := r.text(); r != nil && *text != x.text {
			t.Errorf("%q is written %q", x.text, *text)
		}
	}
	for _, text := range []string{"x", "5:1", ":x", "@", "NaN", "1:2:3"} {
		if _, err := parseSpan(text); err == nil {
			t.Errorf("%q is taken for a range", text)
		}
	}
}
