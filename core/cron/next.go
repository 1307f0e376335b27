package cron

import "time"

// Next is the first time after a moment at which the line is due, both in Unix
// nanoseconds. False: never.
func (l Line) Next(after int64) (int64, bool) {
	t := time.Unix(0, after).In(l.zone)
	switch {
	case l.every > 0:
		return after + int64(l.every), true
	case l.rhythm:
		t = l.nextInRhythm(t)
	default:
		t = l.nextTimeOfDay(t)
	}
	return t.UnixNano(), !t.IsZero()
}

// nextInRhythm lets the schedule see the hands of the clock as they go at the
// moment, and begins anew behind every change of them.
func (l Line) nextInRhythm(after time.Time) time.Time {
	for range changesMost {
		_, offset := after.Zone()
		next := l.schedule.Next(hands(after))
		if next.IsZero() {
			return next
		}
		at := next.Add(-time.Duration(offset) * time.Second).In(l.zone)
		_, end := after.ZoneBounds()
		if end.IsZero() || at.Before(end) {
			return at
		}
		// What the hands show right after the change counts, too.
		if next := l.schedule.Next(hands(end).Add(-1)); next.Equal(hands(end)) {
			return end
		}
		after = end
	}
	return time.Time{}
}

// changesMost bounds how many changes of the clock are looked beyond: robfig
// looks five years ahead, and no place sets its clocks more than four times a year.
const changesMost = 24

// nextTimeOfDay takes the times of day in their order until one of them is at a
// moment after the given one.
func (l Line) nextTimeOfDay(after time.Time) time.Time {
	// The clock may show again what it showed before: begin where it cannot have.
	for shown := hands(after).Add(-24 * time.Hour); ; {
		if shown = l.schedule.Next(shown); shown.IsZero() {
			return shown
		}
		if at := l.moment(shown); at.After(after) {
			return at
		}
	}
}

// hands is what a clock in a place shows, written as if it were UTC.
func hands(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// moment is when the clock in the zone first shows what the hands say, or, if it
// skips that, when it has skipped it.
func (l Line) moment(shown time.Time) time.Time {
	y, m, d := shown.Date()
	t := time.Date(y, m, d, shown.Hour(), shown.Minute(), shown.Second(), shown.Nanosecond(), l.zone)
	start, end := t.ZoneBounds()
	switch was := hands(t); {
	case was.After(shown): // skipped, and read as before the change
		return start
	case was.Before(shown): // skipped, and read as after it
		return end
	}
	if start.IsZero() {
		return t
	}
	_, before := start.Add(-1).Zone()
	if first := shown.Add(-time.Duration(before) * time.Second); first.Before(start) {
		return first.In(l.zone)
	}
	return t
}

// Last is the latest time that was due at or before a moment and after another,
// and how many there were before it since then, counted up to most. False: none.
func (l Line) Last(after, until int64, most int) (at int64, passed int, any bool) {
	next, ever := l.Next(after)
	if !ever || next > until {
		return 0, 0, false
	}
	if l.every > 0 {
		before := (until - next) / int64(l.every)
		return next + before*int64(l.every), int(min(before, int64(most))), true
	}
	at = next
	for passed < most {
		if next, ever = l.Next(at); !ever || next > until {
			return at, passed, true
		}
		at, passed = next, passed+1
	}
	// There are many: look for the last from the end.
	for back := int64(time.Second); ; back *= 2 {
		if next, ever = l.Next(max(at, until-back)); ever && next <= until {
			break
		}
		if until-back <= at {
			return at, passed, true
		}
	}
	for ever && next <= until {
		at = next
		next, ever = l.Next(at)
	}
	return at, passed, true
}
