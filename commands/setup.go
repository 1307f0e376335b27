package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/core"
	"hb/core/config"
	"hb/core/control"
)

// setup is what hb init and hb join have in common: they make this machine ready
// to run hb node, by credentials in its data directory and an hb.toml.
type setup struct {
	*call
	conf *config.Config
	// path is where hb.toml is, or is to be; there says that it is.
	path  string
	there bool
	// name and data are the node's, with their defaults.
	name, data string
}

// setupFlags are the flags of hb node that go into hb.toml.
func setupFlags(more ...cli.Flag) []cli.Flag {
	flags := append(more,
		&cli.BoolFlag{Name: "no-start", Usage: "do not start the node"},
		&cli.StringFlag{Name: "name", Usage: "the node's `NAME` among people (default: the host's)"},
		&cli.StringFlag{Name: "data", Usage: "keep credentials, log and output in `DIR`"},
	)
	return append(flags, addressFlags()...)
}

// addressFlags say where a node is, for whom, and what it is to others.
func addressFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "bind", Usage: "listen on `IP:PORT`, UDP and TCP; port 0 is a free one; may be repeated"},
		&cli.StringSliceFlag{Name: "advertise", Usage: "tell others to reach this node at `ADDRESS`, or at what a go-sockaddr template gives"},
		&cli.StringSliceFlag{Name: "interface", Usage: "use only the network interface `IF`; may be repeated"},
		&cli.StringSliceFlag{Name: "tag", Usage: "label this node `K=V` for placement; may be repeated"},
		&cli.IntFlag{Name: "slots", Usage: "run up to `N` tasks at once (default: one a processor)"},
	}
}

const setupWords = `The flags are those of hb node; what they say is written into hb.toml, the
configuration, unless there is one: then they must not say otherwise. Credentials
are kept in the data directory, for its owner alone. Where systemd runs and knows
hb.service, that is enabled and started (not with --no-start); elsewhere the
command to start the node is printed on the standard error. Tasks on root's nodes
run as the user hb, unless hb.toml says otherwise; where there is none, that is said,
too: useradd --system hb makes one (the packages do it).`

// setup reads hb.toml, if there is one, and the flags.
func (c *call) setup() (*setup, error) {
	s := &setup{call: c, conf: config.New()}
	s.path, _ = c.configPath()
	if s.path == "" {
		s.path = config.DefaultPath(os.Getuid(), os.Getenv)
	}
	if s.path == "" {
		return nil, core.Faultf(core.CodeConfig, "HOME is not set, so that there is no place for hb.toml").WithHint("name one with --config")
	}
	if path, err := filepath.Abs(s.path); err == nil {
		s.path = path
	}
	before := ""
	switch _, err := os.Stat(s.path); {
	case err == nil:
		loaded, err := c.readConfig(s.path)
		if err != nil {
			return nil, err
		}
		s.conf, s.there, before = loaded, true, loaded.TOML()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, core.Faultf(core.CodeConfig, "%v", err)
	}
	if err := c.setFlags(s.conf); err != nil {
		return nil, err
	}
	if socket := c.String("socket"); socket != "" {
		if abs, err := filepath.Abs(socket); err == nil {
			socket = abs
		}
		if err := s.conf.Set("node.socket", socket); err != nil {
			return nil, err
		}
	}
	if s.there && s.conf.TOML() != before {
		return nil, core.Faultf(core.CodeBadInput, "%s is there already, and the flags say otherwise", s.path).
			WithHint("change the file, or move it away, or name another with --config")
	}
	s.data = s.conf.Node.Data
	if s.data == "" {
		s.data = config.DefaultData(os.Getuid(), os.Getenv)
	}
	if s.name = s.conf.Node.Name; s.name == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, core.Faultf(core.CodeConfig, "this machine has no name: %v", err).WithHint("give the node one with --name")
		}
		s.name, _, _ = strings.Cut(host, ".")
	}
	if s.data == "" {
		return nil, core.Faultf(core.CodeConfig, "HOME is not set, so that there is no place for data").WithHint("name one with --data")
	}
	return s, config.New().Set("node.name", s.name)
}

// writeConfig writes hb.toml, unless there is one.
func (s *setup) writeConfig() error {
	if s.there {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(s.path), 0o755)
	if err == nil {
		err = os.WriteFile(s.path, []byte(s.conf.Commented()), 0o644)
	}
	if err != nil {
		return core.Faultf(core.CodeIO, "cannot write the configuration: %v", err).WithHint("name another place with --config")
	}
	s.tell("wrote %s", s.path)
	return nil
}

// tell says something to people.
func (s *setup) tell(format string, args ...any) {
	if !s.quiet {
		fmt.Fprintf(s.stderr, format+"\n", args...)
	}
}

// tellUser tells whoever sets up root's node that tasks need a user.
func (s *setup) tellUser() {
	if os.Geteuid() != 0 {
		return
	}
	if _, err := user.Lookup(config.TaskUser); err != nil {
		s.tell("tasks run as the user %s, and there is none: useradd --system %s", config.TaskUser, config.TaskUser)
	}
}

// start starts the node where systemd does that, and else says how.
func (s *setup) start() error {
	s.tellUser()
	path := s.path
	if path == config.DefaultPath(os.Getuid(), os.Getenv) {
		path = ""
	}
	command := startWords(path)
	if s.Bool("no-start") || !hasUnit() {
		s.tell("start the node: %s", commandLine(command))
		return nil
	}
	if out, err := exec.Command("systemctl", "enable", "--now", unit).CombinedOutput(); err != nil {
		return core.Faultf(core.CodeIO, "systemctl enable --now %s: %v: %s", unit, err, strings.TrimSpace(string(out))).
			WithHint("the machine has its credentials; start the node by hand: %s", commandLine(command))
	}
	socket := s.conf.Node.Socket
	if socket == "" {
		socket = config.DefaultSocket(os.Getuid(), os.Getenv)
	}
	return s.untilMember(control.NewClient(socket))
}

// untilMember waits until the node that was started is a member.
func (s *setup) untilMember(client *control.Client) error {
	ctx, cancel := s.limited(startLimit)
	defer cancel()
	if err := client.Wait(ctx, []string{"ready"}); err != nil {
		return core.Faultf(core.CodeTimeout, "the node was started, and is not a usable member yet: %v", err).
			WithHint("hb doctor tells what is wrong, journalctl -u %s what the node says", unit)
	}
	return nil
}

// startLimit is how long a node that was started may take to be a member.
const startLimit = time.Minute

// unit is the service of a node. A user's own systemd is left to the user.
const unit = "hb.service"

// hasUnit says whether systemd runs here, for this user's node, and knows hb.
func hasUnit() bool {
	if _, err := os.Stat("/run/systemd/system"); err != nil || os.Getuid() != 0 {
		return false
	}
	return exec.Command("systemctl", "cat", unit).Run() == nil
}
