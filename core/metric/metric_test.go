package metric

import (
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTheTextIsWhatPrometheusReads(t *testing.T) {
	h := NewHistogram(time.Millisecond, 10*time.Millisecond)
	h.Add(time.Millisecond) // a bound belongs to its bucket
	h.Add(2 * time.Millisecond)
	h.Add(3 * time.Second)
	got := string(Text([]Family{
		Gauge("hb_term", "Term of the log.", 7),
		Counter("hb_x_total", "Two\nlines and a \\.", 1e9),
		By("hb_members", "Members.", "gauge", "status", []string{"alive", "dead"}, map[string]int{"alive": 3, "gone": 9}),
		{Name: "hb_info", Help: "About.", Kind: "gauge", Samples: []Sample{{Of: [2]string{"version", "1\"\\\n"}, Value: math.Inf(1)}}},
		h.Family("hb_sync_seconds", "Syncs."),
	}))
	want := `# HELP hb_term Term of the log.
# TYPE hb_term gauge
hb_term 7
# HELP hb_x_total Two\nlines and a \\.
# TYPE hb_x_total counter
hb_x_total 1e+09
# HELP hb_members Members.
# TYPE hb_members gauge
hb_members{status="alive"} 3
hb_members{status="dead"} 0
# HELP hb_info About.
# TYPE hb_info gauge
hb_info{version="1\"\\\n"} +Inf
# HELP hb_sync_seconds Syncs.
# TYPE hb_sync_seconds histogram
hb_sync_seconds_bucket{le="0.001"} 1
hb_sync_seconds_bucket{le="0.01"} 2
hb_sync_seconds_bucket{le="+Inf"} 3
hb_sync_seconds_sum 3.003
hb_sync_seconds_count 3
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAHistogramLosesNothing(t *testing.T) {
	h := NewHistogram(time.Second)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 1000 {
				h.Add(time.Duration(i%2) * 2 * time.Second)
			}
		})
	}
	group.Wait()
	if got := string(Text([]Family{h.Family("x", "y")})); !strings.Contains(got, "x_bucket{le=\"1\"} 2000\n") || !strings.Contains(got, "x_count 4000\n") {
		t.Errorf("got\n%s", got)
	}
}
