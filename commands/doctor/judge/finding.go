package judge

import "fmt"

// Severity says how much a finding matters.
type Severity string

// The severities.
const (
	OK   Severity = "ok"
	Warn Severity = "warn"
	Bad  Severity = "bad"
)

// Finding is what one check found.
type Finding struct {
	// ID is a short name of what is wrong (or well), for scripts; it stays the same
	// from version to version.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// What is the finding in one line, Why what follows from it, or how it is known;
	// empty where there is nothing to add.
	What string `json:"what"`
	Why  string `json:"why"`
	// Remedy is what can be done, a command or a sentence each.
	Remedy []string `json:"remedy"`
}

func ok(id, format string, args ...any) Finding {
	return Finding{ID: id, Severity: OK, What: fmt.Sprintf(format, args...), Remedy: []string{}}
}

func warn(id, format string, args ...any) Finding {
	return Finding{ID: id, Severity: Warn, What: fmt.Sprintf(format, args...)}
}

func bad(id, format string, args ...any) Finding {
	return Finding{ID: id, Severity: Bad, What: fmt.Sprintf(format, args...)}
}

// because adds what follows from a finding.
func (f Finding) because(format string, args ...any) Finding {
	f.Why = fmt.Sprintf(format, args...)
	return f
}

// mend adds what can be done.
func (f Finding) mend(lines ...string) Finding {
	f.Remedy = append(f.Remedy, lines...)
	return f
}

// Wrong counts the findings that are not well.
func Wrong(all []Finding) (warns, bads int) {
	for _, f := range all {
		switch f.Severity {
		case Warn:
			warns++
		case Bad:
			bads++
		}
	}
	return warns, bads
}

// Judge gives all findings, in the order in which people would look: this machine
// first, then its network, then the cluster.
func Judge(f *Facts) (all []Finding) {
	for _, check := range []func(*Facts) []Finding{
		(*Facts).config, (*Facts).data, (*Facts).disk, (*Facts).credentials, (*Facts).socket, (*Facts).limits, (*Facts).cgroups, (*Facts).memory,
		(*Facts).links, (*Facts).ports, (*Facts).advertise, (*Facts).inbound, (*Facts).lost, (*Facts).conntrack,
		(*Facts).unable, (*Facts).lan, (*Facts).seeds, (*Facts).token, (*Facts).clock,
		(*Facts).health, (*Facts).members, (*Facts).reach, (*Facts).versions,
	} {
		for _, finding := range check(f) {
			if finding.Severity != OK && len(finding.Remedy) == 0 {
				panic("a finding without a remedy: " + finding.ID)
			}
			all = append(all, finding)
		}
	}
	return all
}
