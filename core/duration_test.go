package core

import (
	"math"
	"testing"
	"time"
)

func TestDurationsHaveDaysAndWeeksBesideGosUnits(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "10s": 10 * time.Second, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, ".5s": 500 * time.Millisecond,
		"300ms": 300 * time.Millisecond, "2us": 2 * time.Microsecond, "2µs": 2 * time.Microsecond, "-5m": -5 * time.Minute, "+5m": 5 * time.Minute,
		"7d": 7 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "1w2d3h4m5s": (9*24+3)*time.Hour + 4*time.Minute + 5*time.Second,
		"-1d": -24 * time.Hour, "106751d": 106751 * 24 * time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "d", "7", "7 d", "7D", "1y", "1mo", "7dd", "1d-2h", "..d", "1..2d", "soon", "106752d", "15251w", "99999999999999w", "106751d24h", "1d 2h", "\x00", "7d\n"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"7d", "1w2d", "1h30m", "-5m", "0", "1.5d", "µs"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseDuration(text)
		if goes, bad := time.ParseDuration(text); bad == nil && goes > math.MinInt64 && (err != nil || got != goes) {
			t.Errorf("%q is %v (%v), and for Go %v", text, got, err, goes)
		}
	})
}
