package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hb/core/control"
	"hb/core/metric"
)

// scraped is what Prometheus would get from a real node with credentials, which
// has done a little of everything.
func scraped(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.71.18.1:0") // an address that no other test takes ports of
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	o := options(t, "metered")
	lettingIn(t, &o)
	o.Bind = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	o.Metrics = netip.MustParseAddrPort(free.Addr().String())
	r := launch(t, o)
	defer r.end()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.client.Wait(ctx, []string{"leader"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.Append(ctx, []byte("a note")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + o.Metrics.String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != metric.ContentType {
		t.Fatalf("%s %v, %v", resp.Status, resp.Header, err)
	}
	for _, path := range []string{"/", "/v1/members", "/v1/tasks"} { // nobody asked who is calling
		if resp, err := http.Get("http://" + o.Metrics.String() + path); err != nil || resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered, too: %v, %v", path, resp, err)
		}
	}
	return string(text)
}

// figure finds a sample in Prometheus' text.
func figure(text, sample string) string {
	for line := range strings.Lines(text) {
		if value, is := strings.CutPrefix(line, sample+" "); is {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestPrometheusGetsWhatItsAlertsNeed(t *testing.T) {
	text := scraped(t)
	for sample, want := range map[string]string{
		"hb_is_leader": "1", "hb_cluster_has_leader": "1", `hb_members{status="alive"}`: "1", `hb_members{status="dead"}`: "0",
		`hb_health{state="healthy"}`: "1", `hb_tasks_ended_total{status="failed"}`: "0", "hb_datagram_keys": "1",
	} {
		if got := figure(text, sample); got != want {
			t.Errorf("%s is %q, want %q", sample, got, want)
		}
	}
	for _, sample := range []string{"hb_log_commit_index", "hb_log_sync_seconds_count", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "hb_certificate_expiry_timestamp_seconds", "hb_disk_free_bytes"} {
		if got := figure(text, sample); got == "" || got == "0" {
			t.Errorf("%s is %q", sample, got)
		}
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (counter|gauge|histogram)$`).FindAllStringSubmatch(text, -1) {
		names[m[1]] = true
		if m[2] == "counter" != strings.HasSuffix(m[1], "_total") {
			t.Errorf("%s is a %s", m[1], m[2])
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			names[m[1]+suffix] = m[2] == "histogram"
		}
	}
	for _, e := range monitored(t) {
		for _, name := range regexp.MustCompile(`\b(hb|process|go)_[a-z_]+\b`).FindAllString(e, -1) {
			if !names[name] {
				t.Errorf("%s is watched, and there is no such figure: %s", name, e)
			}
		}
	}
	promtool(t, text, "check", "metrics")
}

// monitored is every expression of the dashboard and of the alerts.
func monitored(t *testing.T) (expressions []string) {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(monitoring, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, m := range regexp.MustCompile(`(?m)^ *expr: (.*)$`).FindAllSubmatch(read("alerts.yml"), -1) {
		expressions = append(expressions, string(m[1]))
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read("dashboard.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	if len(expressions) < 40 {
		t.Fatalf("only %d expressions are found", len(expressions))
	}
	return expressions
}

// monitoring is where the alerts and the dashboard are.
const monitoring = "../../scripts/monitoring"

// promtool has Prometheus' own tool judge, where it is installed.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Logf("advice: promtool %s was not run: install Debian's package prometheus", strings.Join(args, " "))
		return
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdin = monitoring, strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "hb_") && args[1] == "metrics" {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

func TestPrometheusTakesTheAlertsAndTheDashboard(t *testing.T) {
	promtool(t, "", "check", "rules", "alerts.yml")
	promtool(t, "", "test", "rules", "alerts_test.yml")
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for _, e := range monitored(t) {
		quoted, err := json.Marshal(strings.ReplaceAll(e, "$__rate_interval", "5m"))
		if err != nil {
			t.Fatal(err)
		}
		rules.WriteString("  - {record: 'a:b', expr: " + string(quoted) + "}\n")
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", file)
}

func TestMetricsAreForThisMachineOnly(t *testing.T) {
	o := options(t, "open")
	o.Metrics = netip.MustParseAddrPort("0.0.0.0:7119")
	if err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "loopback only") {
		t.Errorf("it serves metrics to everybody: %v", err)
	}
}

func TestAPauseIsCountedAndASmallDelayIsNot(t *testing.T) {
	f := newFigures()
	for _, late := range []time.Duration{-time.Hour, 0, pauseOf - 1, pauseOf, 2 * time.Second} {
		f.woke(late)
	}
	if got, want := f.paused.Load(), int64(pauseOf+2*time.Second); f.pauses.Load() != 2 || got != want {
		t.Errorf("%d pauses of %v, want 2 of %v", f.pauses.Load(), time.Duration(got), time.Duration(want))
	}
}

var _ control.Meter = (*daemon)(nil)
