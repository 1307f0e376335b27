package commands

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

// This file is the judgement of hb check: from what a node says, and from ranges, to
// one of four states. It is pure.

// state is a state of Nagios', and its exit code.
type state int

// The states, in the order of their codes.
const (
	fine state = iota
	warning
	critical
	unknown
)

func (s state) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[s] }

// vitals are what a node says of itself.
type vitals struct {
	fault   error // it says nothing, because of this
	status  *control.Status
	members *control.Members
	led     bool // by a leader that a quorum confirms
	disk    float64
	now     time.Time
}

// checkup is the shape hb.check/1.
type checkup struct {
	Schema   string    `json:"schema"`
	Status   string    `json:"status"` // OK, WARNING, CRITICAL, UNKNOWN
	Code     int       `json:"code"`
	Summary  string    `json:"summary"`
	Problems []problem `json:"problems"`
	Figures  []reading `json:"figures"`
}

type problem struct {
	Status string `json:"status"`
	What   string `json:"what"`
}

// reading is a number with the ranges in which it must be.
type reading struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Warning  *string `json:"warning"`  // the range; null: none
	Critical *string `json:"critical"` // likewise
	help     string
	what     string // in words, for a problem
	most     int    // that it can be; 0: no bound
}

// judge compares what a node says with what must be.
func (v *vitals) judge(limits map[string]limit) *checkup {
	s := &checkup{Schema: "hb.check/1", Problems: []problem{}, Figures: []reading{}}
	worst := fine
	add := func(level state, what string) {
		if what != "" {
			worst = max(worst, level)
			s.Problems = append(s.Problems, problem{level.String(), what})
		}
	}
	if v.fault != nil {
		add(faultState(v.fault), v.fault.Error())
	} else {
		add(critical, v.plight())
		s.Figures = v.figures()
		for i := range s.Figures {
			f := &s.Figures[i]
			l := limits[f.Name]
			f.Warning, f.Critical = l.warning.text(), l.critical.text()
			switch {
			case !l.critical.holds(f.Value):
				add(critical, f.what)
			case !l.warning.holds(f.Value):
				add(warning, f.what)
			}
		}
	}
	var parts []string
	for _, p := range s.Problems {
		parts = append(parts, p.What)
	}
	if v.status != nil {
		parts = append(parts, v.describe())
	}
	s.Status, s.Code, s.Summary = worst.String(), int(worst), strings.Join(parts, "; ")
	return s
}

// faultState is what it means that a node says nothing: that it is down or hangs is
// the thing to be told; that one may not ask it says nothing about it.
func faultState(err error) state {
	var f *core.Fault
	if errors.As(err, &f) && (f.Code == core.CodeNoNode || f.Code == core.CodeTimeout || f.Code == core.CodeBusy) {
		return critical
	}
	return unknown
}

// plight is what makes a node useless, whatever its figures; empty: nothing.
func (v *vitals) plight() string {
	switch s := v.status; {
	case s.Cluster.ID == nil:
		return "the node is in no cluster yet"
	case s.Health == "isolated":
		return "the node hears none of the others"
	case s.Plight != nil:
		return "no leader: " + *s.Plight
	case !v.led:
		return "no leader that a quorum confirms"
	}
	return ""
}

func (v *vitals) describe() string {
	s := v.status
	text := fmt.Sprintf("%s: %d of %d members alive", orEmpty(s.Cluster.Name), s.MembersAlive, s.Members)
	if v.led {
		text += ", leader " + orEmpty(s.Leader.Name)
	}
	return text
}

// figureNames are all figures, in their order.
func figureNames() []string {
	return []string{"alive", "dead", "suspect", "unreachable", "spare", "stress", "lag", "queued", "unable", "certificate", "disk"}
}

// figures are those that are known.
func (v *vitals) figures() []reading {
	s := v.status
	with := map[string][]string{} // members by status
	voters, living := len(s.Voters), 0
	for _, m := range v.members.Members {
		with[m.Status] = append(with[m.Status], m.Name)
		for _, w := range s.Voters {
			if w.ID != nil && *w.ID == m.ID && (m.Status == "alive" || m.Status == "suspect") {
				living++
			}
		}
	}
	of := func(name string, value float64, what, help string) reading {
		return reading{Name: name, Value: value, what: what, help: help}
	}
	count := func(status, help string) reading {
		return of(status, float64(len(with[status])), status+": "+strings.Join(with[status], ", "), help)
	}
	alive := count("alive", "Members that this node believes to live.")
	alive.what, alive.most = fmt.Sprintf("%d members alive", len(with["alive"])), len(v.members.Members)-len(with["left"])
	spare := living - (voters/2 + 1)
	list := []reading{
		alive,
		count("dead", "Members that this node believes to be dead."),
		count("suspect", "Members that this node suspects."),
		count("unreachable", "Members that others reach and this node does not."),
		of("spare", float64(spare), fmt.Sprintf("%d of %d voters alive", living, voters), "Voters that may still be lost; below 0: the majority is gone."),
		of("stress", float64(s.Stress), fmt.Sprintf("stress %d of 1000", s.Stress), "Stress of this machine, from 0 to 1000."),
	}
	list[len(list)-1].most = 1000
	if lag, known := behind(s); known {
		list = append(list, of("lag", lag, fmt.Sprintf("%.0f entries behind", lag), "Entries of the log that were agreed on and are not applied here yet."))
	}
	list = append(list, of("queued", float64(s.Tasks.Queued), fmt.Sprintf("%d tasks queued", s.Tasks.Queued), "Tasks that wait for a member."))
	list = append(list, unableReading(s))
	if s.Certified != nil {
		left := s.Certified.Sub(v.now).Hours() / 24
		list = append(list, of("certificate", math.Floor(left), fmt.Sprintf("the certificate ends in %.1f days", left), "Days until the certificate of this node ends."))
	}
	if v.disk >= 0 {
		list = append(list, of("disk", math.Floor(v.disk), fmt.Sprintf("%.0f MiB left for the data directory", v.disk), "MiB that are left for the data directory."))
	}
	return list
}

// unableReading counts what the node would run, and cannot.
func unableReading(s *control.Status) reading {
	n, texts := 0, []string{}
	for _, u := range s.Unable {
		n += len(u.Tasks)
		if u.Free {
			n++
		}
		texts = append(texts, u.Text())
	}
	return reading{Name: "unable", Value: float64(n), what: strings.Join(texts, "; "), help: "Tasks that this node is configured to run, and cannot."}
}

// behind is how many entries the node has not applied.
func behind(s *control.Status) (float64, bool) {
	commit, err := strconv.ParseFloat(zeroed(s.Commit), 64)
	applied, err2 := strconv.ParseFloat(zeroed(s.Applied), 64)
	return max(0, commit-applied), err == nil && err2 == nil
}

// line is the one line of a plugin: status, words, and figures behind a bar.
func (s *checkup) line() string {
	words := strings.ReplaceAll(render.Safe(s.Summary), "|", "/")
	text := "HB " + s.Status + " - " + words
	for i, f := range s.Figures {
		if i == 0 {
			text += " |"
		}
		most := ""
		if f.most > 0 {
			most = ";" + strconv.Itoa(f.most)
		}
		least := "0"
		if f.Name == "spare" || f.Name == "certificate" {
			least = ""
		}
		perf := fmt.Sprintf(" %s=%s;%s;%s;%s%s", f.Name, plainNumber(f.Value), orEmpty(f.Warning), orEmpty(f.Critical), least, most)
		text += strings.TrimRight(perf, ";")
	}
	return text
}

// limit is the ranges of a figure.
type limit struct{ warning, critical *span }

// defaultLimits hold where the call says nothing else. A dead member is not
// critical: a cluster is there to survive it.
func defaultLimits() map[string]limit {
	must := func(text string) *span {
		r, err := parseSpan(text)
		if err != nil {
			panic(err)
		}
		return r
	}
	return map[string]limit{
		"dead": {warning: must("0")}, "unreachable": {warning: must("0")}, "unable": {warning: must("0")},
		"certificate": {must("15:"), must("3:")}, "disk": {must("1024:"), must("64:")},
	}
}

// span is a range of the monitoring plugins' guidelines: from least to most, both
// included, or, when outside is set, everything else.
type span struct {
	least, most float64
	outside     bool
}

// parseSpan reads one; an empty text is none.
func parseSpan(text string) (*span, error) {
	if text == "" {
		return nil, nil
	}
	rest, outside := strings.CutPrefix(text, "@")
	r := &span{least: 0, most: math.Inf(1), outside: outside}
	from, to, two := strings.Cut(rest, ":")
	if !two {
		from, to = "0", rest
	}
	var err error
	if from == "~" {
		r.least = math.Inf(-1)
	} else if from != "" {
		r.least, err = strconv.ParseFloat(from, 64)
	}
	if to != "" && err == nil {
		r.most, err = strconv.ParseFloat(to, 64)
	}
	if err != nil || math.IsNaN(r.least) || math.IsNaN(r.most) || r.least > r.most || !two && to == "" {
		return nil, fmt.Errorf("a range is meant, like 10, 10:, ~:10, 10:20 or @10:20")
	}
	return r, nil
}

// holds says whether a value is as it must be; without a range it always is.
func (r *span) holds(value float64) bool {
	return r == nil || (value >= r.least && value <= r.most) != r.outside
}

// text is the range as it is written.
func (r *span) text() *string {
	if r == nil {
		return nil
	}
	text := ""
	switch {
	case math.IsInf(r.least, -1):
		text = "~:"
	case r.least != 0 || math.IsInf(r.most, 1):
		text = plainNumber(r.least) + ":"
	}
	if !math.IsInf(r.most, 1) {
		text += plainNumber(r.most)
	}
	if r.outside {
		text = "@" + text
	}
	return &text
}

func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
