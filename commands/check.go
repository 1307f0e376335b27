package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"hb/commands/render"
	"hb/core"
	"hb/core/config"
	"hb/core/control"
	"hb/core/metric"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "say in one line whether all is well, for Nagios, Icinga and Prometheus",
		Description: `Prints one line, as monitoring plugins do, and exits 0 (OK), 1 (WARNING), 2 (CRITICAL)
or 3 (UNKNOWN), never otherwise:

    HB WARNING - dead: c; lab: 2 of 3 members alive, leader b | alive=2;;;0;3 dead=1;0;;0 ...

CRITICAL: no node answers within five seconds, it is in no cluster, it hears none of
the others, or there is no leader that a quorum confirms. UNKNOWN: hb check itself could
not look (a flag that is wrong, a socket that is closed to this user). Five seconds
since many a monitoring system ends a plugin after ten; --timeout says otherwise.

Beside that there are figures, each with the range in which it must be: alive, dead,
suspect and unreachable members; spare, voters that may still be lost; stress of this
machine (0 to 1000); lag, entries of the log that were agreed on and are not applied
here yet; queued tasks; unable, tasks that this node is configured to run and cannot,
since it lacks a user for them; certificate, days until this node's ends; disk, MiB left
for the data directory, where that can be seen. By default it warns with dead=0,
unreachable=0, unable=0, certificate=15: and disk=1024:, and is critical with
certificate=3: and disk=64:.

A range is written as the plugins' guidelines have it: 10 is from 0 to 10, 10: is 10
or more, ~:10 is 10 or less, 10:20 is between, @10:20 is not between. An empty one
takes a default away: --warning dead= --critical dead=1

--prometheus prints the same for the textfile collector of Prometheus' node_exporter;
a node's own metrics say more, but not that it is down.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "warning", Aliases: []string{"w"}, Usage: "warn when a figure is outside its range: `FIGURE=RANGE`; may be repeated"},
			&cli.StringSliceFlag{Name: "critical", Aliases: []string{"c"}, Usage: "be critical when a figure is outside its range: `FIGURE=RANGE`; may be repeated"},
			&cli.BoolFlag{Name: "prometheus", Usage: "print it for node_exporter's textfile collector"},
		},
		Action: plainWords(0, runCheck),
	}
}

// checkTime is how long a node may take to answer hb check: less than the ten seconds
// after which Nagios and others end a plugin, and do not hear what it found.
const checkTime = 5 * time.Second

func runCheck(c *call) error {
	limits, err := c.limits()
	if err != nil {
		return err
	}
	v, err := c.vitals()
	if err != nil {
		return err
	}
	s := v.judge(limits)
	switch {
	case c.Bool("prometheus"):
		_, err = c.stdout.Write(s.prometheus())
	case c.isJSON():
		err = render.JSON(c.stdout, s)
	case c.form == "plain":
		_, err = fmt.Fprintf(c.stdout, "%s\t%s\n", s.Status, render.Safe(s.Summary))
	default:
		_, err = fmt.Fprintln(c.stdout, s.line())
	}
	if err != nil {
		return err
	}
	return exit(s.Code)
}

// limits are the ranges of all figures, with those that the call gives.
func (c *call) limits() (map[string]limit, error) {
	limits := defaultLimits()
	for flag, level := range map[string]state{"warning": warning, "critical": critical} {
		for _, word := range c.StringSlice(flag) {
			name, text, is := strings.Cut(word, "=")
			if !slices.Contains(figureNames(), name) || !is {
				return nil, usage("--%s %s: FIGURE=RANGE is meant, like dead=0", flag, word).WithHint("the figures are %s", strings.Join(figureNames(), ", "))
			}
			r, err := parseSpan(text)
			if err != nil {
				return nil, usage("--%s %s: %v", flag, word, err)
			}
			l := limits[name]
			if level == warning {
				l.warning = r
			} else {
				l.critical = r
			}
			limits[name] = l
		}
	}
	return limits, nil
}

// vitals asks the node how it is.
func (c *call) vitals() (*vitals, error) {
	ctx, client, done, err := c.askingWithin(checkTime)
	if err != nil {
		return nil, err
	}
	defer done()
	v := &vitals{now: time.Now(), disk: c.diskLeft()}
	if v.status, v.fault = client.Status(ctx); v.fault != nil {
		return v, nil
	}
	if v.members, v.fault = client.Members(ctx); v.fault != nil {
		return v, nil
	}
	return v, v.confirm(ctx, client)
}

// confirm asks whether a quorum stands behind the leader.
func (v *vitals) confirm(ctx context.Context, client *control.Client) error {
	leader, err := client.Leader(ctx, false)
	var fault *core.Fault
	switch {
	case err == nil:
		v.led = leader.Confirmed
		return nil
	case errors.As(err, &fault): // no quorum, or too late to say
		return nil
	}
	return err
}

// diskLeft is what the data directory's file system has left, in MiB; negative: it
// is not known which that is.
func (c *call) diskLeft() float64 {
	sockets, err := c.sockets()
	if err != nil {
		return -1
	}
	conf := config.New()
	if path, _ := c.configPath(); path != "" {
		conf, _ = config.Load(path)
	}
	data := conf.Node.Data
	for _, uid := range []int{os.Getuid(), 0} {
		if data == "" && slices.Contains(sockets, config.DefaultSocket(uid, os.Getenv)) {
			if _, err := os.Stat(config.DefaultSocket(uid, os.Getenv)); err == nil {
				data = config.DefaultData(uid, os.Getenv)
			}
		}
	}
	var st unix.Statfs_t
	if data == "" || unix.Statfs(data, &st) != nil {
		return -1
	}
	return float64(st.Bavail*uint64(st.Bsize)) / (1 << 20)
}

// prometheus is the whole of it as families of metrics.
func (s *checkup) prometheus() []byte {
	families := []metric.Family{metric.Gauge("hb_check_status", "What hb check found: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.", float64(s.Code))}
	for _, f := range s.Figures {
		families = append(families, metric.Gauge("hb_check_"+f.Name, f.help, f.Value))
	}
	return metric.Text(families)
}

// checkCode makes the exit code of hb check one of Nagios': what is wrong with the
// call, or with hb, is UNKNOWN, which Nagios reads on the standard output.
func checkCode(line arranged, stdout io.Writer, err error, code int) int {
	if len(line.path) == 0 || line.path[0].Name != "check" || code <= int(unknown) {
		return code
	}
	fmt.Fprintln(stdout, (&checkup{Status: unknown.String(), Summary: err.Error()}).line())
	return int(unknown)
}
