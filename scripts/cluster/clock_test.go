package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A process has no wall clock of its own, and the machine's is not a test's to set. So
// one node runs an hb whose standard library adds to the time of day what a file says:
// to that process it is as if somebody had set the clock. Its monotonic clock goes on.

// skewed is hb built so, and the file.
func (f *faulty) skewed() (program, file string) {
	f.t.Helper()
	dir := f.t.TempDir()
	program, file = filepath.Join(dir, "hb"), filepath.Join(dir, "ahead")
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		f.t.Fatal(err)
	}
	std := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(std, "time.go"))
	const reads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if err != nil || !strings.Contains(string(text), reads) {
		f.t.Skipf("SKIPPED: this Go reads its clock in another way, so clocks that jump are NOT tested in this run (%v)", err)
	}
	module, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		f.t.Fatal(err)
	}
	overlay := map[string]string{}
	replace := func(in, name, text string) {
		mine := filepath.Join(dir, fmt.Sprintf("%d.go", len(overlay)))
		if err := os.WriteFile(mine, []byte(text), 0o600); err != nil {
			f.t.Fatal(err)
		}
		overlay[filepath.Join(in, name)] = mine
	}
	replace(std, "time.go", strings.Replace(string(text), reads, reads+"\tsec += Ahead\n", 1))
	replace(std, "ahead.go", "package time\n\nvar Ahead int64\n")
	replace(module, "ahead.go", fmt.Sprintf(`package main

import (
	"os"
	"strconv"
	"time"
)

func init() {
	go func() {
		for range time.Tick(100 * time.Millisecond) {
			text, _ := os.ReadFile(%q)
			time.Ahead, _ = strconv.ParseInt(string(text), 10, 64)
		}
	}()
}
`, file))
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600); err != nil {
		f.t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "hb").CombinedOutput(); err != nil {
		f.t.Fatalf("building hb: %v\n%s", err, out)
	}
	return program, file
}

// clockSet sets one member's clock a day ahead, then a day back, and has it right
// again; each time another is stopped for 3 s. Nobody may be called dead for either.
func clockSet(f *faulty) {
	n, stopped := f.member(), f.c.leader(f.c.nodes[0])
	program, file := f.skewed()
	f.sick(n) // it is stopped first, which its host tells the others
	f.c.halt(n)
	n.program = program
	f.c.start(n)
	f.c.must(n, "wait", "ready", "members=5", "--timeout", "60s")
	before := f.deaths(n)
	for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour, 0} {
		next := file + ".next"
		if err := os.WriteFile(next, []byte(fmt.Sprint(int64(by.Seconds()))), 0o600); err != nil {
			f.t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			f.t.Fatal(err)
		}
		f.wait(8 * time.Second) // the node looks at the wall clock every few seconds
		f.stopped(3*time.Second, stopped)
		f.settled()
		f.figures = "" // once, at the end, is enough
		told := time.Now().Add(by)
		if !slices.ContainsFunc(f.c.story(n), func(r record) bool { return r.Time.Sub(told).Abs() < time.Hour }) {
			f.t.Errorf("set by %v, %s dates nothing by that: %v", by, n.name, f.c.story(n))
		}
	}
	if now := f.deaths(n); now != before {
		f.t.Errorf("%s was called dead %d times", n.name, now-before)
	}
}

// deaths counts how often the others called a member dead.
func (f *faulty) deaths(of *node) (times int) {
	for _, n := range f.c.nodes {
		if n == of {
			continue
		}
		for _, r := range f.c.story(n) {
			if r.Subject == of.name && (r.Kind == "member-dead" || r.Kind == "agreed-down" && r.Detail == "crash") {
				times++
			}
		}
	}
	return times
}
