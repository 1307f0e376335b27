package commands

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"hb/commands/doctor"
	"hb/commands/doctor/judge"
	"hb/commands/render"
	"hb/core"
	"hb/core/config"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "say what is wrong with this machine or network, and how to mend it",
		ArgsUsage: "[HOST[:PORT]]",
		Description: `Looks at all that a node needs: configuration, data directory and disk, credentials,
socket, interfaces, ports, addresses, this machine's own firewall, the local network,
and, where a node runs, its cluster: leader, members, and whether each of them answers
by UDP and by TCP. It says what is wrong, why that matters, and what to do about it.

It needs no node, and can be asked before a machine joins and after that failed: with
HOST[:PORT] it tries that member as hb join would, and with --token it asks there
whether the token would do. It joins nothing and changes nothing. Run by root it
sees more: firewalls, other users' files and processes. Where another user's node runs,
root's say, that is looked at, and what this user may not see of it is said.

Each finding is ok, warn or bad. The exit code is 0 when all are ok, else 1.
-o plain prints one a line: its ID, severity, what is wrong, why, and what to do; the
IDs stay the same from version to version.`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "token", Usage: "try the join `TOKEN` (or @FILE, or - for the standard input; HB_JOIN_TOKEN), without joining"},
			&cli.StringFlag{Name: "name", Usage: "with --token: the `NAME` by which this machine would join (default: the host's)"},
			&cli.StringFlag{Name: "data", Usage: "look at the data directory `DIR`"},
			&cli.BoolFlag{Name: "wrong", Usage: "leave out what is ok"},
		}, addressFlags()[:3]...), // --bind, --advertise and --interface, as hb join was given them
		Action: plainWords(1, runDoctor),
	}
}

func runDoctor(c *call) error {
	plan, err := c.doctorPlan()
	if err != nil {
		return err
	}
	findings := judge.Judge(doctor.Gather(c.Context.Context, *plan))
	if err := c.printFindings(findings); err != nil {
		return err
	}
	return verdictOf(findings)
}

// verdictOf is the exit code that findings deserve.
func verdictOf(findings []judge.Finding) error {
	if warns, bads := judge.Wrong(findings); warns+bads > 0 {
		return exit(1)
	}
	return nil
}

// doctorPlan is what the call, the environment and the configuration say to look at.
func (c *call) doctorPlan() (*doctor.Plan, error) {
	p := &doctor.Plan{Version: c.App.Version, Config: config.New(), System: os.Getuid() == 0}
	c.doctorFiles(p)
	if err := c.setFlags(p.Config); err != nil {
		return nil, err
	}
	p.Name, p.Data = p.Config.Node.Name, p.Config.Node.Data
	if host, err := os.Hostname(); p.Name == "" && err == nil {
		p.Name, _, _ = strings.Cut(host, ".")
	}
	switch {
	case p.Data != "" || p.Owner != "":
	case p.System:
		p.Data = config.DefaultData(0, os.Getenv)
	default:
		p.Data = config.DefaultData(os.Getuid(), os.Getenv)
	}
	p.Sockets = c.doctorSockets(p.Config)
	var err error
	if p.Advertise, err = advertised(p.Config.Node.Advertise); err != nil {
		p.AdvertiseFault = err.Error()
	}
	if len(c.words) > 0 {
		if p.Host, err = hostPort(c.words[0]); err != nil {
			return nil, err
		}
	}
	if err := c.doctorToken(p); err != nil {
		return nil, err
	}
	p.Census = func() ([]judge.Neighbour, error) { return c.neighbours(p.Config) }
	return p, nil
}

// doctorFiles finds the configuration of the node that is looked at. Where another
// user's node runs, and nobody says otherwise, that is meant, as by all commands: what
// this user's own would be says nothing about it.
func (c *call) doctorFiles(p *doctor.Plan) {
	path, explicit := c.configPath()
	socketNamed := c.String("socket") != "" || os.Getenv("HB_SOCKET") != ""
	if !explicit && !c.IsSet("data") && (socketNamed || path == "") {
		at, owner := doctor.Whose(c.doctorSockets(p.Config))
		down := at == "" && path == "" && isMember(config.DefaultData(0, os.Getenv)) // root's node, which does not run
		switch {
		case !down && (at == "" || owner == os.Getuid()):
		case down || at == config.DefaultSocket(0, os.Getenv):
			path, p.System = config.DefaultPath(0, os.Getenv), true
		default:
			p.Owner, p.System = doctor.UserName(owner), false
			return
		}
	}
	file, err := os.Open(path)
	if err == nil {
		file.Close()
	}
	switch {
	case path == "" || errors.Is(err, fs.ErrNotExist): // hb init and hb join will make it
		return
	case errors.Is(err, fs.ErrPermission) && !explicit:
		p.Path, p.Closed = path, true
		return
	}
	p.Path = path
	loaded, faults := config.Load(path)
	for _, f := range faults {
		p.Faults = append(p.Faults, f.String())
	}
	if len(faults) == 0 {
		p.Config = loaded
	}
}

// doctorSockets are those that any command would try, even if the configuration is
// wrong.
func (c *call) doctorSockets(conf *config.Config) []string {
	if sockets, err := c.sockets(); err == nil {
		return sockets
	}
	if conf.Node.Socket != "" {
		return []string{conf.Node.Socket}
	}
	return []string{config.DefaultSocket(os.Getuid(), os.Getenv)}
}

// doctorToken reads the token to try, if there is one.
func (c *call) doctorToken(p *doctor.Plan) error {
	word := os.Getenv("HB_JOIN_TOKEN")
	if c.IsSet("token") {
		word = c.String("token")
	}
	if word == "" {
		return nil
	}
	token, err := c.readToken(word)
	var fault *core.Fault
	switch {
	case err == nil:
		p.Token = &token
	case errors.As(err, &fault) && fault.Code == core.CodeBadInput:
		p.TokenFault = fault // that is a finding
	default:
		return err
	}
	return nil
}

// neighbours are the nodes that answer on the local network.
func (c *call) neighbours(conf *config.Config) (list []judge.Neighbour, err error) {
	beacon, err := openCensus(conf)
	if err != nil {
		return nil, err
	}
	defer beacon.Close()
	for _, n := range takeCensus(beacon, censusTime) {
		list = append(list, judge.Neighbour{Name: n.Name, Address: n.Address, Cluster: orEmpty(n.Cluster), Version: n.Version})
	}
	return list, nil
}

// examined is the shape hb.doctor/1.
type examined struct {
	Schema   string          `json:"schema"`
	Warn     int             `json:"warn"`
	Bad      int             `json:"bad"`
	Findings []judge.Finding `json:"findings"`
}

func (c *call) printFindings(findings []judge.Finding) error {
	warns, bads := judge.Wrong(findings)
	doc := examined{Schema: "hb.doctor/1", Warn: warns, Bad: bads, Findings: []judge.Finding{}}
	table := &render.Table{}
	var records []any
	for _, f := range findings {
		if c.Bool("wrong") && f.Severity == judge.OK {
			continue
		}
		doc.Findings = append(doc.Findings, f)
		records = append(records, struct {
			Schema string `json:"schema"`
			judge.Finding
		}{"hb.finding/1", f})
		table.Rows = append(table.Rows, []string{f.ID, string(f.Severity), f.What, f.Why, strings.Join(f.Remedy, "; ")})
	}
	if c.form == "table" {
		return c.writeFindings(c.stdout, doc)
	}
	return c.print(doc, records, table)
}

// writeFindings prints them for people: what is wrong, why, and what to do.
func (c *call) writeFindings(w io.Writer, doc examined) error {
	page := render.Entries{Width: c.width(), Color: c.color()}
	for _, f := range doc.Findings {
		page.Entry(string(f.Severity), f.What)
		page.Detail("why", f.Why)
		for _, line := range f.Remedy {
			page.Detail("do", line)
		}
	}
	switch {
	case doc.Warn+doc.Bad > 0:
		page.Close(fmt.Sprintf("%d bad, %d to look at", doc.Bad, doc.Warn))
	default:
		page.Close("all is well, as far as can be seen from here")
	}
	return page.Write(w)
}
