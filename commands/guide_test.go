package commands

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// jobsPage is the source of hb-jobs(7).
const jobsPage = manDir + "/hb-jobs.7.md"

// block is a piece of TOML or shell in the page.
var block = regexp.MustCompile("(?s)```(toml|sh)\n(.*?)```")

// guide takes hb-jobs(7) apart as its reader would: what is to stand in hb.toml goes
// to jobs.toml, the lines to type to job1, job2 and on. Programs are looked for in
// the script's own bin instead of /usr/local/bin.
func guide(ts *testscript.TestScript, neg bool, args []string) {
	page, err := os.ReadFile(jobsPage)
	ts.Check(err)
	config, jobs := "", 0
	for _, found := range block.FindAllStringSubmatch(string(page), -1) {
		text := strings.ReplaceAll(found[2], "/usr/local/bin/", ts.MkAbs("bin")+"/")
		if found[1] == "toml" {
			config += text
			continue
		}
		jobs++
		ts.Check(os.WriteFile(ts.MkAbs(fmt.Sprintf("job%d", jobs)), []byte(text), 0o644))
	}
	if neg || len(args) != 1 || args[0] != fmt.Sprint(jobs) {
		ts.Fatalf("usage: guide JOBS; the page has %d", jobs)
	}
	ts.Check(os.WriteFile(ts.MkAbs("jobs.toml"), []byte(config), 0o600))
}
