package commands

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/config"
	"hb/core/control"
)

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "gather what somebody who helps needs to know, without secrets",
		ArgsUsage: "[FILE|-]",
		Description: `Writes a tar.gz with what this node and this machine know about a trouble: status,
members, voters, positions in the log, events, metrics, the configuration, the
system's journal of hb, versions, and facts from /proc. It prints what is in it. FILE is
hb-report-NAME-TIME.tar.gz in this directory, unless it is named; - is the standard
output, and the list goes to the standard error.

Left out or made unreadable are: what tasks are run with (arguments, environment,
input), what they print, and their keys; the text of notes and of the log; join
tokens, private keys, and whatever looks like a password in the journal. Names and
addresses of members, names of tasks and tags are in it. Look through it before you
give it away.

It works without a node, too: then it has what there is, and says what is missing.`,
		Action: plainWords(1, runReport),
	}
}

// reportTime is how long any one thing may take to be gathered.
const reportTime = 10 * time.Second

// bundle is a report as it grows.
type bundle struct {
	files   []bundled
	missing []string
	now     time.Time
}

type bundled struct {
	name string
	text []byte
}

// add takes a file in, made safe to show.
func (b *bundle) add(name string, text []byte) {
	b.files = append(b.files, bundled{name, redact(text)})
}

// miss says why something is not there, no less safe to show.
func (b *bundle) miss(what string, why error) {
	b.missing = append(b.missing, string(redact([]byte(what+": "+render.Safe(why.Error())))))
}

// addJSON takes a document in.
func (b *bundle) addJSON(name string, doc any, err error) {
	var text bytes.Buffer
	if err == nil {
		err = render.JSON(&text, doc)
	}
	if err != nil {
		b.miss(name, err)
		return
	}
	b.add(name, text.Bytes())
}

func runReport(c *call) error {
	b := &bundle{now: time.Now().UTC()}
	client, err := c.client()
	if err != nil {
		b.miss("what the node says", err)
	} else {
		b.addNode(c.Context.Context, client)
	}
	b.addConfig(c)
	b.addMachine()
	b.addJournal(c.Context.Context)
	b.addVersions(c)
	if len(b.missing) > 0 {
		b.add("missing.txt", []byte(strings.Join(b.missing, "\n")+"\n"))
	}
	return c.writeBundle(b)
}

// addNode asks the node for everything that it tells a reader. The first question
// that finds no node is the last.
func (b *bundle) addNode(ctx context.Context, client *control.Client) {
	client.NoReconnect = true
	for _, q := range []struct {
		name string
		ask  func(context.Context) (any, error)
	}{
		{"status.json", func(ctx context.Context) (any, error) { return client.Status(ctx) }},
		{"members.json", func(ctx context.Context) (any, error) { return client.Members(ctx) }},
		{"leader.json", func(ctx context.Context) (any, error) { return client.Leader(ctx, true) }},
		{"voters.json", func(ctx context.Context) (any, error) { return client.Voters(ctx) }},
		{"log-positions.json", func(ctx context.Context) (any, error) { return client.Positions(ctx) }},
		{"keys.json", func(ctx context.Context) (any, error) { return client.Keys(ctx) }},
		{"locks.json", func(ctx context.Context) (any, error) { return client.Locks(ctx) }},
		{"tasks-defined.json", func(ctx context.Context) (any, error) { return client.Defined(ctx) }},
		{"tasks.json", func(ctx context.Context) (any, error) { return bareTasks(ctx, client) }},
		{"log.json", func(ctx context.Context) (any, error) { return bareLog(ctx, client) }},
		{"events.json", func(ctx context.Context) (any, error) { return lastEvents(ctx, client) }},
	} {
		once, cancel := context.WithTimeout(ctx, reportTime)
		doc, err := q.ask(once)
		cancel()
		b.addJSON(q.name, doc, err)
		if err != nil && (awayForNow(err) || isTimeout(err)) && q.name == "status.json" {
			return
		}
	}
	once, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	text, err := client.Metrics(once)
	if err != nil {
		b.miss("metrics.txt", err)
		return
	}
	b.add("metrics.txt", text)
}

// reportTasks, reportEntries and reportEvents are how many of each are taken in.
const reportTasks, reportEntries, reportEvents = 500, 500, 5000

// bareTasks are the last tasks, without what they are run with.
func bareTasks(ctx context.Context, client *control.Client) (*control.Tasks, error) {
	list, err := client.TaskPage(ctx, control.TaskQuery{Newest: reportTasks})
	if err != nil {
		return nil, err
	}
	for i := range list.Tasks {
		t := &list.Tasks[i]
		t.Argv, t.Args, t.Key = nil, nil, nil
	}
	return list, nil
}

// bareLog is the end of the log: what kinds of things were agreed on, and when.
func bareLog(ctx context.Context, client *control.Client) (any, error) {
	s, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	from := uint64(max(0, position(s.Commit)-reportEntries))
	entries := []*control.Entry{}
	err = client.Log(ctx, from, false, func(e *control.Entry) error {
		if e.Kind == "commands" { // the others' text is of hb's own making
			e.Text = ""
		}
		for i := range e.Commands {
			e.Commands[i].Text = nil
		}
		entries = append(entries, e)
		return nil
	})
	return struct {
		Entries []*control.Entry `json:"entries"`
	}{entries}, err
}

func lastEvents(ctx context.Context, client *control.Client) (any, error) {
	events := []*control.Event{}
	err := client.Events(ctx, control.EventQuery{Since: "0"}, func(e *control.Event, _ control.Place) error {
		events = append(events, e)
		return nil
	})
	return struct {
		Events []*control.Event `json:"events"`
	}{events[max(0, len(events)-reportEvents):]}, err
}

// addConfig takes the configuration in, without what tasks are run with.
func (b *bundle) addConfig(c *call) {
	file, _ := c.configPath()
	if file == "" {
		b.miss("hb.toml", errors.New("there is none; the defaults hold"))
		return
	}
	conf, findings := config.Load(file)
	for _, f := range findings {
		b.miss("hb.toml", errors.New(f.Key+": "+f.Problem)) // the value itself may be a secret
	}
	if len(findings) > 0 {
		return
	}
	for _, t := range conf.Tasks {
		for i := range t.Command {
			if i > 0 {
				t.Command[i] = redacted
			}
		}
	}
	b.add("hb.toml", []byte(conf.TOML()))
}

// addMachine takes in what /proc says. The command line of the kernel and the table
// of mounts are not among it: both may hold passwords.
func (b *bundle) addMachine() {
	for _, name := range []string{
		"/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/meminfo", "/proc/stat",
		"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory",
		"/proc/net/dev", "/proc/net/snmp", "/proc/net/sockstat", "/proc/net/route", "/proc/net/if_inet6",
		"/proc/sys/net/core/rmem_max", "/proc/sys/kernel/hostname", "/proc/self/limits", "/etc/os-release",
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				b.miss(name, err)
			}
			continue
		}
		b.add("machine"+strings.TrimPrefix(name, "/proc"), text)
	}
}

// addJournal takes in what the node has said, where systemd keeps that.
func (b *bundle) addJournal(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	text, err := exec.CommandContext(ctx, "journalctl", "--unit=hb.service", "--lines=2000", "--no-pager", "--output=short-iso-precise").Output()
	if err != nil {
		b.miss("journal.txt", err)
		return
	}
	b.add("journal.txt", text)
}

func (b *bundle) addVersions(c *call) {
	b.add("versions.txt", fmt.Appendf(nil, "hb %s\n%s %s/%s\nuid %d\nat %s\n", c.App.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, os.Getuid(), b.now.Format(time.RFC3339)))
}

// writeBundle writes the report where it is wanted, for its owner alone, and says
// what is in it.
func (c *call) writeBundle(b *bundle) error {
	name := fmt.Sprintf("hb-report-%s-%s", hostName(), b.now.Format("20060102T150405Z"))
	file, list := name+".tar.gz", c.stdout
	if len(c.words) > 0 {
		file = c.words[0]
	}
	packed, err := b.pack(name)
	if err != nil {
		return core.Faultf(core.CodeInternal, "the report cannot be packed: %v", err)
	}
	if file == "-" {
		list = c.stderr
		if c.quiet {
			list = io.Discard
		}
		if _, err := c.stdout.Write(packed); err != nil {
			return err
		}
	} else if err := writeNew(file, packed); err != nil {
		return err
	}
	if c.isJSON() && file != "-" {
		return render.JSON(list, b.doc(file))
	}
	t := &render.Table{Header: []string{"FILE", "BYTES"}}
	for _, f := range b.files {
		t.Rows = append(t.Rows, []string{f.name, fmt.Sprint(len(f.text))})
	}
	if c.form == "plain" {
		return t.Plain(list)
	}
	if err := t.Write(list, 0, false); err != nil {
		return err
	}
	for _, line := range b.missing {
		if c.quiet {
			break
		}
		fmt.Fprintf(c.stderr, "hb: not in it: %s\n", line)
	}
	if file != "-" {
		_, err = fmt.Fprintf(list, "written to %s\n", render.Safe(file))
	}
	return err
}

// doc is the list for programs: the shape hb.report/1.
func (b *bundle) doc(file string) any {
	type entry struct {
		Name  string `json:"name"`
		Bytes int    `json:"bytes"`
	}
	doc := struct {
		Schema  string   `json:"schema"`
		File    string   `json:"file"`
		Files   []entry  `json:"files"`
		Missing []string `json:"missing"`
	}{"hb.report/1", file, []entry{}, append([]string{}, b.missing...)}
	for _, f := range b.files {
		doc.Files = append(doc.Files, entry{f.name, len(f.text)})
	}
	return doc
}

// pack makes the tar.gz, in a directory of the report's name.
func (b *bundle) pack(name string) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	pack := tar.NewWriter(zip)
	for _, f := range b.files {
		head := &tar.Header{Name: path.Join(name, f.name), Mode: 0o600, Size: int64(len(f.text)), ModTime: b.now, Format: tar.FormatPAX}
		if err := pack.WriteHeader(head); err != nil {
			return nil, err
		}
		if _, err := pack.Write(f.text); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(pack.Close(), zip.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// writeNew writes a file that was not there before.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Close())
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return core.Faultf(core.CodeIO, "%s is there already", name).WithHint("name another file")
	case err != nil:
		return core.Faultf(core.CodeIO, "cannot write the report: %v", err)
	}
	return nil
}

// hostName is the machine's, as a part of a file's name.
func hostName() string {
	host, _ := os.Hostname()
	host = strings.Map(func(r rune) rune {
		if r == '/' || r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, host)
	if host == "" {
		return "unnamed"
	}
	return host
}
