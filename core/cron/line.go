package cron

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // for machines without zoneinfo; see the package comment

	robfig "github.com/robfig/cron/v3"

	"hb/core"
)

// Line is a cron line in a time zone.
type Line struct {
	schedule robfig.Schedule
	zone     *time.Location
	rhythm   bool          // even in time, not times of day
	every    time.Duration // or this, and no schedule
}

// Plain is a line that was parsed, as every version of hb reads it: those before days
// and weeks could be said in a duration may lead, too.
func Plain(line string) string {
	words := strings.Fields(line)
	if len(words) == 2 && words[0] == "@every" && strings.ContainsAny(words[1], "dw") {
		if d, err := core.ParseDuration(words[1]); err == nil {
			return words[0] + " " + d.String()
		}
	}
	return line
}

// leastEvery is the shortest period of @every.
const leastEvery = time.Second

// Parse reads a line, and the IANA name of a zone (empty: UTC). What is wrong is
// a fault for people, with the field that is meant.
func Parse(line, zone string) (Line, error) {
	words := strings.Fields(line)
	var l Line
	var err error
	if l.zone, err = loadZone(zone); err != nil {
		return l, err
	}
	switch {
	case len(words) == 0:
		return l, wrong(line, "it is empty")
	case words[0] == "@every":
		l.every, err = parseEvery(line, words)
	case strings.HasPrefix(words[0], "@"):
		l.schedule, err = parseDescriptor(line, words)
		l.rhythm = words[0] == "@hourly"
	default:
		l.schedule, err = parseFields(line, words)
		l.rhythm = len(words) == 5 && (strings.HasPrefix(words[0], "*") || strings.HasPrefix(words[1], "*"))
	}
	if err != nil {
		return l, err
	}
	if _, ever := l.Next(0); !ever {
		return l, wrong(line, "no such day ever comes")
	}
	return l, nil
}

func loadZone(name string) (*time.Location, error) {
	if name == "Local" { // would be another on each member
		name = "local"
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, core.Faultf(core.CodeUsage, "time zone %q: nobody knows it", name).
			WithHint("a name like Europe/Berlin or UTC is meant")
	}
	return zone, nil
}

func wrong(line, format string, args ...any) *core.Fault {
	return core.Faultf(core.CodeUsage, "cron line %q: %s", line, fmt.Sprintf(format, args...)).
		WithHint("five fields are meant: minute hour day month weekday, like '30 2 * * *'; or @daily, @hourly, @every 90m")
}

func parseEvery(line string, words []string) (time.Duration, error) {
	if len(words) != 2 {
		return 0, wrong(line, "@every needs one duration")
	}
	d, err := core.ParseDuration(words[1])
	if err != nil || d < leastEvery {
		return 0, wrong(line, "%q is no duration of a second or more", words[1])
	}
	return d, nil
}

func parseDescriptor(line string, words []string) (robfig.Schedule, error) {
	s, err := robfig.ParseStandard(words[0])
	if err != nil || len(words) != 1 {
		return nil, wrong(line, "there is @hourly, @daily, @weekly, @monthly, @yearly and @every")
	}
	return hourHands(s), nil
}

// parseFields reads the fields one by one, so that the complaint can say which.
func parseFields(line string, words []string) (robfig.Schedule, error) {
	names := [...]string{"minute", "hour", "day of the month", "month", "weekday"}
	ranges := [...]string{"0-59", "0-23", "1-31", "1-12 or jan-dec", "0-7 or sun-sat"}
	if len(words) != len(names) {
		return nil, wrong(line, "it has %d fields, not five", len(words))
	}
	words = append([]string(nil), words...)
	words[4] = sundays(words[4])
	for i, word := range words {
		alone := []string{"0", "0", "1", "1", "*"}
		alone[i] = word
		if _, err := robfig.ParseStandard(strings.Join(alone, " ")); err != nil || strings.Trim(word, ",") != word || strings.Contains(word, ",,") {
			return nil, wrong(line, "the %s %q is not within %s", names[i], word, ranges[i])
		}
	}
	s, err := robfig.ParseStandard(strings.Join(words, " "))
	if err != nil {
		return nil, wrong(line, "%v", err)
	}
	return hourHands(s), nil
}

// sundays writes a 7 among weekdays, which cron knows as Sunday, as 0.
func sundays(field string) string {
	parts := strings.Split(field, ",")
	for i, part := range parts {
		switch from, isRange := strings.CutSuffix(part, "-7"); {
		case part == "7":
			parts[i] = "0"
		case isRange && from == "0":
			parts[i] = "0-6"
		case isRange && from == "7":
			parts[i] = "0"
		case isRange:
			parts[i] = from + "-6,0"
		}
	}
	return strings.Join(parts, ",")
}

// hourHands has a schedule read the hands of a clock rather than the time of a place:
// Line converts.
func hourHands(s robfig.Schedule) robfig.Schedule {
	if spec, is := s.(*robfig.SpecSchedule); is {
		spec.Location = time.UTC
	}
	return s
}
