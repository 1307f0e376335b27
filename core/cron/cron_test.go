package cron

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hb/core"
	"hb/core/alloctest"
)

// times are the first n times after a moment, in the zone.
func times(t *testing.T, line, zone, after string, n int) string {
	t.Helper()
	l, err := Parse(line, zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, after)
	if err != nil {
		t.Fatal(err)
	}
	nanos := at.UnixNano()
	var all []string
	for range n {
		next, ever := l.Next(nanos)
		if !ever || next <= nanos {
			t.Fatalf("after %s comes %v %t", time.Unix(0, nanos).In(l.zone), time.Unix(0, next).In(l.zone), ever)
		}
		nanos = next
		all = append(all, time.Unix(0, next).In(l.zone).Format("02T15:04Z07"))
	}
	return strings.Join(all, " ")
}

func TestAPlainLineIsReadByEveryVersion(t *testing.T) {
	for line, want := range map[string]string{
		"@every 7d": "@every 168h0m0s", "@every  1w": "@every 168h0m0s", "@every 90m": "@every 90m", "30 2 * * wed": "30 2 * * wed", "@weekly": "@weekly",
	} {
		if got := Plain(line); got != want {
			t.Errorf("%q is %q, want %q", line, got, want)
		}
	}
}

func TestTimesAreDue(t *testing.T) {
	const berlin, york, howe = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
	for _, c := range []struct{ what, line, zone, after, want string }{
		{"every five minutes", "*/5 * * * *", "", "2026-03-01T23:51:30Z", "01T23:55Z 02T00:00Z 02T00:05Z"},
		{"at a time of day", "30 2 * * *", "", "2026-03-01T02:30:00Z", "02T02:30Z 03T02:30Z 04T02:30Z"},
		{"in a zone", "30 2 * * *", berlin, "2026-02-28T20:00:00Z", "01T02:30+01 02T02:30+01 03T02:30+01"},
		{"@daily", "@daily", "", "2026-02-27T20:00:00Z", "28T00:00Z 01T00:00Z 02T00:00Z"},
		{"@every", "@every 90m", "", "2026-02-27T20:10:00Z", "27T21:40Z 27T23:10Z 28T00:40Z"},
		{"@every some days", "@every 1d12h", "", "2026-02-27T20:10:00Z", "01T08:10Z 02T20:10Z 04T08:10Z"},
		{"on the 29th of February", "0 0 29 2 *", "", "2026-02-27T20:10:00Z", "29T00:00Z 29T00:00Z 29T00:00Z"},
		{"on the 13th and on Fridays", "0 12 13 * fri", "", "2026-03-01T00:00:00Z", "06T12:00Z 13T12:00Z 20T12:00Z"},
		{"on Sundays, called 7", "0 12 * * 7", "", "2026-03-01T13:00:00Z", "08T12:00Z 15T12:00Z 22T12:00Z"},
		{"from Friday to Sunday", "0 12 * * 5-7", "", "2026-03-01T13:00:00Z", "06T12:00Z 07T12:00Z 08T12:00Z"},

		{"what spring skips comes when it has", "30 2 * * *", berlin, "2026-03-28T00:00:00Z", "28T02:30+01 29T03:00+02 30T02:30+02"},
		{"twice skipped comes once", "0,30 2 * * *", berlin, "2026-03-29T00:00:00Z", "29T03:00+02 30T02:00+02 30T02:30+02"},
		{"what autumn repeats comes first", "30 2 * * *", berlin, "2026-10-24T12:00:00Z", "25T02:30+02 26T02:30+01 27T02:30+01"},
		{"and not again when it was", "30 2 * * *", berlin, "2026-10-25T00:40:00Z", "26T02:30+01 27T02:30+01"},
		{"a rhythm goes on in spring", "*/30 * * * *", berlin, "2026-03-29T00:20:00Z", "29T01:30+01 29T03:00+02 29T03:30+02"},
		{"a rhythm goes on in autumn", "*/30 * * * *", berlin, "2026-10-25T00:20:00Z", "25T02:30+02 25T02:00+01 25T02:30+01 25T03:00+01"},
		{"every hour in autumn", "15 * * * *", york, "2026-11-01T04:20:00Z", "01T01:15-04 01T01:15-05 01T02:15-05"},
		{"every second hour in spring", "0 */2 * * *", york, "2026-03-08T04:00:00Z", "08T00:00-05 08T04:00-04 08T06:00-04"},
		{"half an hour is skipped", "15 2 * * *", howe, "2026-10-03T00:00:00Z", "04T02:30+11 05T02:15+11"},
		{"half an hour is repeated", "45 1 * * *", howe, "2026-04-03T20:00:00Z", "05T01:45+11 06T01:45+10"},
		{"a day is skipped", "0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", "29T12:00-10 31T00:00+14 31T12:00+14"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := times(t, c.line, c.zone, c.after, len(strings.Fields(c.want))); got != c.want {
				t.Errorf("%s in %q: due at\n%s, not\n%s", c.line, c.zone, got, c.want)
			}
		})
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for _, c := range [][3]string{
		{"", "", "it is empty"},
		{"* * * *", "", "it has 4 fields, not five"},
		{"* * * * * *", "", "it has 6 fields"},
		{"60 * * * *", "", `minute "60" is not within 0-59`},
		{"* 24 * * *", "", `hour "24"`},
		{"* * 0 * *", "", `day of the month "0"`},
		{"* * * foo *", "", `month "foo"`},
		{"* * * * 8", "", `weekday "8"`},
		{"5, * * * *", "", `minute "5,"`},
		{"*/0 * * * *", "", `minute "*/0"`},
		{"0 0 30 2 *", "", "no such day ever comes"},
		{"@reboot", "", "there is @hourly"},
		{"@daily 5", "", "there is @hourly"},
		{"@every", "", "needs one duration"},
		{"@every 10ms", "", "no duration of a second or more"},
		{"@every 7y", "", "no duration of a second or more"},
		{"TZ=UTC", "", "fields"},
		{"TZ=UTC 0 0 * * *", "", "fields"},
		{"@daily", "Mars/Olympus", "nobody knows it"},
		{"@daily", "Local", "nobody knows it"},
		{"@daily", "../etc/passwd", "nobody knows it"},
	} {
		_, err := Parse(c[0], c[1])
		var f *core.Fault
		if !errors.As(err, &f) || f.Code != core.CodeUsage || !strings.Contains(f.Message, c[2]) || f.Hint == "" {
			t.Errorf("%q in %q: %v, want %q", c[0], c[1], err, c[2])
		}
	}
}

func TestLastIsTheLatestThatWasDue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		line := rapid.SampledFrom([]string{"*/5 * * * *", "30 2 * * *", "0,30 1-3 * * *", "15 * * * *", "@every 7m", "0 0 1 * *"}).Draw(rt, "line")
		zone := rapid.SampledFrom([]string{"", "Europe/Berlin", "Australia/Lord_Howe"}).Draw(rt, "zone")
		l, err := Parse(line, zone)
		if err != nil {
			rt.Fatal(err)
		}
		// Around the changes of the clocks, and anywhere.
		base := rapid.SampledFrom([]int64{1774720000, 1792880000, 1775260000, 1700000000}).Draw(rt, "base")
		after := (base + rapid.Int64Range(0, 4*86400).Draw(rt, "after")) * 1e9
		until := after + rapid.Int64Range(0, 3*86400).Draw(rt, "length")*1e9
		most := rapid.IntRange(1, 2000).Draw(rt, "most")
		var want int64
		count := 0
		for at, _ := l.Next(after); at <= until; at, _ = l.Next(at) {
			if count > 0 && at <= want {
				rt.Fatalf("%d comes after %d", at, want)
			}
			want, count = at, count+1
		}
		at, passed, any := l.Last(after, until, most)
		if any != (count > 0) || any && (at != want || passed != min(most, count-1)) {
			rt.Fatalf("%d after %d others, %t; it is %d after %d", at, passed, any, want, count-1)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{"*/5 * * * *", "@every 5m", "TZ=", "CRON_TZ=x", "0 0 29 2 *", "7-5/9999999999 ,,, - / *", "@", "? ? ? jan sun"} {
		f.Add(line, "Europe/Berlin")
	}
	f.Fuzz(func(t *testing.T, line, zone string) {
		var l Line
		var err error
		alloctest.Within(t, 64<<10+len(line)+len(zone), func() { l, err = Parse(line, zone) })
		if err != nil {
			return
		}
		now := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC).UnixNano()
		if next, ever := l.Next(now); ever && next <= now {
			t.Errorf("%q: %d comes after %d", line, next, now)
		}
	})
}
