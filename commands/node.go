package commands

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"hb/core"
	"hb/core/config"
	"hb/core/daemon"
	"hb/netutil"
)

func nodeCommand() *cli.Command {
	return &cli.Command{
		Name:  "node",
		Usage: "run a node: the daemon",
		Description: `Runs a node in the foreground until SIGTERM or SIGINT, which end it in order: it
hands leadership over, ends its tasks (SIGTERM, after 30 s SIGKILL; the cluster
runs them again elsewhere, unless --once), flushes its disk, and stays a member.

Tasks are run by a process of their own, the runner process, which the node
starts and which outlives it. A node that is killed, or that is ended by SIGUSR1
to be started again at once (in an upgrade, say), finds its tasks when it comes
back: they have gone on, their output has been kept, and how they ended is not
lost. If no node comes back within a minute, the runner process ends them and
itself; at once, if the node's directory is gone or was a temporary one. If the
runner process itself is killed, its tasks die with it: they are reported as
lost, and run again unless --once.

The threads of a node (where it has CAP_SYS_NICE) and of its runner process have a
timer slack of 1 ms: the kernel may wake them that much late, which spares an idle
machine. Tasks have that with which the node was started.

It needs the credentials that hb init (for the first machine) and hb join TOKEN (for
every other) have put into its data directory, and goes by hb.toml. Without them it
exits 78.

With --dev it needs none, and whoever reaches it may run commands on it. A --dev
node therefore listens on loopback only, neither sends nor hears beacons, and
ignores the default hb.toml and the default paths: without --data it takes a
temporary directory, without --bind a free port. It founds a cluster of its own,
unless --seed or --join says that there is one already or its data directory belongs
to one. When it is usable it prints the line that lets a shell ask it:

    export HB_SOCKET=/tmp/hb-dev-1234567890/hb.sock

SIGHUP has it read its hb.toml again (hb.toml(5)); a --dev node without one ends.
Under systemd it says when it is ready, how it fares and that it is alive, and
systemctl reload hb and restart hb do what they should: tasks go on over a restart.
A unit that needs the cluster, and not only a node, waits for hb-online.target.

Its own socket is --socket, or HB_SOCKET if no other node answers there, or else
one in its data directory.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "dev", Usage: "without credentials, on loopback only"},
			&cli.StringFlag{Name: "name", Usage: "the node's `NAME` among people (default: the host's)"},
			&cli.StringFlag{Name: "data", Usage: "keep identity, log and output in `DIR`"},
			&cli.StringSliceFlag{Name: "seed", Usage: "join the cluster of the node at `HOST:PORT`; may be repeated"},
			&cli.BoolFlag{Name: "join", Usage: "join what discovery finds, instead of founding a cluster"},
		}, addressFlags()...),
		Action: plainWords(0, runNode),
	}
}

func runNode(c *call) error {
	netutil.KeepDescriptors()
	dev := c.Bool("dev")
	if c.Bool("join") && !dev {
		return usage("--join is for --dev nodes only").WithHint("a node with credentials needs no such flag: hb init founds a cluster, hb join TOKEN joins one")
	}
	conf, err := nodeConfig(c)
	if err != nil {
		return err
	}
	o, err := nodeOptions(c, conf)
	if err != nil {
		return err
	}
	clean := func() {}
	if dev {
		if clean, err = devPaths(o); err != nil {
			return err
		}
	} else if err := usualPaths(o); err != nil {
		return err
	}
	defer clean()
	if o.Notify, err = netutil.TakeNotifier(); err != nil {
		return core.Faultf(core.CodeConfig, "%v", err)
	}
	ends := []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1}
	if _, explicit := c.configPath(); explicit || !dev {
		o.Reload = c.reloading(conf)
	} else if !signal.Ignored(syscall.SIGHUP) { // nohup's work
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := untilSignal(c.Context.Context, ends)
	defer stop()
	if err = daemon.Run(ctx, *o); err != nil {
		_ = o.Notify.Tell("STATUS=" + err.Error()) // for systemctl status; the journal has it anyway
	}
	return err
}

// untilSignal ends with the first signal that ends a node.
func untilSignal(from context.Context, ends []os.Signal) (context.Context, func()) {
	ctx, end := context.WithCancelCause(from)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, ends...)
	go func() {
		select {
		case s := <-signals:
			var why error
			if s == syscall.SIGUSR1 {
				why = daemon.ErrRestart
			}
			end(why)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		end(nil)
	}
}

// nodeConfig is the file under the flags; of a --dev node only if it is named.
func nodeConfig(c *call) (*config.Config, error) {
	conf, dev := config.New(), c.Bool("dev")
	if path, explicit := c.configPath(); explicit || !dev && path != "" {
		loaded, err := c.readConfig(path)
		if err != nil {
			return nil, err
		}
		conf = loaded
	}
	if dev && slices.Equal(conf.Node.Bind, config.New().Node.Bind) {
		conf.Node.Bind = nil // on loopback it is a free port
	}
	return conf, c.setFlags(conf)
}

// setFlags lays the flags over a configuration.
func (c *call) setFlags(conf *config.Config) error {
	for _, f := range [][2]string{
		{"name", "node.name"}, {"data", "node.data"}, {"slots", "node.slots"},
		{"bind", "node.bind"}, {"advertise", "node.advertise"}, {"interface", "node.interface"},
		{"seed", "cluster.seeds"}, {"tag", "node.tags"}, {"cluster", "cluster.name"},
	} {
		flag, key := f[0], f[1]
		if !c.IsSet(flag) {
			continue
		}
		values := c.StringSlice(flag)
		if values == nil {
			values = []string{fmt.Sprint(c.Value(flag))}
		}
		if flag == "data" {
			if abs, err := filepath.Abs(values[0]); err == nil {
				values[0] = abs
			}
		}
		if err := conf.Set(key, values...); err != nil {
			return err
		}
	}
	return nil
}

// nodeOptions tells the daemon what the configuration says.
func nodeOptions(c *call, conf *config.Config) (*daemon.Options, error) {
	o := &daemon.Options{
		Version:     c.App.Version,
		Name:        conf.Node.Name,
		DataDir:     conf.Node.Data,
		Socket:      conf.Node.Socket,
		Access:      accessOf(conf),
		Interfaces:  conf.Node.Interface,
		Seeds:       conf.Cluster.Seeds,
		Tags:        conf.Node.Tags,
		Dev:         c.Bool("dev"),
		Found:       c.Bool("dev") && len(conf.Cluster.Seeds) == 0 && !c.Bool("join"),
		ClusterName: conf.Cluster.Name,
		Beacons:     conf.Discover.Beacons && !c.Bool("dev"),
		BeaconPort:  conf.Discover.Port,
		Detector:    conf.Detector.Kind,
		Spread:      conf.Detector.Spread,
		Period:      conf.Detector.Period,
		Voters:      conf.Log.Voters,
		Slots:       conf.Node.Slots,
		Tasks:       conf.Tasks,
		AllowExec:   conf.Node.AllowExec,
		Alone:       true,
		Log:         c.stderr,
	}
	if c.quiet {
		o.Log = nil
	}
	if socket := nodeSocket(c); socket != "" {
		o.Socket = socket
	}
	for _, b := range conf.Node.Bind {
		addr, err := netip.ParseAddrPort(b)
		if err != nil {
			return nil, usage("--bind %s: IP:PORT is meant", b)
		}
		if !addr.Addr().IsLoopback() && o.Dev {
			return nil, core.Faultf(core.CodeConfig, "a node without credentials listens on loopback only, not on %s", addr).
				WithHint("hb init or hb join gets this machine credentials; then start it without --dev")
		}
		o.Bind = append(o.Bind, addr)
	}
	var err error
	if group := conf.Discover.Multicast; group != "" {
		if o.Multicast, err = netip.ParseAddr(group); err != nil {
			return nil, usage("discover.multicast = %q: %v", group, err)
		}
	}
	if o.Advertise, err = advertised(conf.Node.Advertise); err != nil {
		return nil, err
	}
	if at := conf.Metrics.Listen; at != "" {
		if o.Metrics, err = netip.ParseAddrPort(at); err != nil {
			return nil, usage("metrics.listen = %q: %v", at, err)
		}
	}
	o.Ready = func(info daemon.Info) {
		fmt.Fprintf(c.stdout, "export HB_SOCKET=%s\n", shellWord(info.Socket))
	}
	return o, nil
}

// reloading has a node read its configuration again at SIGHUP. From here on that
// signal ends it no more.
func (c *call) reloading(started *config.Config) *daemon.Reload {
	wishes := make(chan os.Signal, 1)
	signal.Notify(wishes, syscall.SIGHUP)
	now := started
	path, _ := c.configPath()
	return &daemon.Reload{Wishes: wishes, Read: func() (daemon.Settings, []string, error) {
		if err := stillThere(path); err != nil {
			return daemon.Settings{}, nil, err
		}
		conf, err := nodeConfig(c)
		if err != nil {
			return daemon.Settings{}, nil, err
		}
		remarks := reloadRemarks(started, now, conf)
		now = conf
		return liveSettings(conf), remarks, nil
	}}
}

// liveSettings is what a running node takes over.
func liveSettings(conf *config.Config) daemon.Settings {
	return daemon.Settings{
		Slots: conf.Node.Slots, Tasks: conf.Tasks, AllowExec: conf.Node.AllowExec,
		Access: accessOf(conf), Seeds: conf.Cluster.Seeds,
	}
}

// accessOf is who may use the local socket.
func accessOf(conf *config.Config) daemon.Access {
	return daemon.Access{Group: conf.Socket.Group, Read: conf.Socket.Read, Submit: conf.Socket.Submit, Admin: conf.Socket.Admin}
}

// nodeSocket is the socket that the call names for the node, if any. HB_SOCKET
// does so too, but only where no other node answers: whoever has just exported
// it, as the first node said, may start a second one from the same shell.
func nodeSocket(c *call) string {
	socket := c.String("socket")
	if socket == "" {
		if socket = os.Getenv("HB_SOCKET"); socket == "" {
			return ""
		}
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return ""
		}
	}
	if abs, err := filepath.Abs(socket); err == nil {
		return abs
	}
	return socket
}

// advertised works out where others are to reach the node: an IP, IP:PORT, or a
// template that gives one; none is the zero value.
func advertised(texts []string) (netip.AddrPort, error) {
	if len(texts) == 0 {
		return netip.AddrPort{}, nil
	}
	text, err := netutil.Expand(texts[0])
	if err != nil {
		return netip.AddrPort{}, usage("--advertise %s: %v", texts[0], err)
	}
	text = strings.TrimSpace(text)
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(ip, 0), nil
	}
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		return addr, usage("--advertise %s gives %q: an IP or IP:PORT is meant", texts[0], text)
	}
	return addr, nil
}

// usualPaths are the places of a node with credentials, where no other is named.
func usualPaths(o *daemon.Options) error {
	if o.DataDir == "" {
		o.DataDir = config.DefaultData(os.Getuid(), os.Getenv)
	}
	if o.Socket == "" {
		o.Socket = config.DefaultSocket(os.Getuid(), os.Getenv)
	}
	if o.DataDir == "" {
		return core.Faultf(core.CodeConfig, "HOME is not set, so that there is no place for data").WithHint("name one with --data")
	}
	return nil
}

// devPaths makes a temporary directory of what was not named; clean takes it
// away again.
func devPaths(o *daemon.Options) (clean func(), err error) {
	clean = func() {}
	if o.DataDir == "" {
		dir, err := os.MkdirTemp("", "hb-dev-")
		if err != nil {
			return clean, core.Faultf(core.CodeIO, "cannot make a temporary directory: %v", err)
		}
		o.DataDir, clean = dir, func() { os.RemoveAll(dir) }
		o.Linger = -1 // nobody could start this node again
	}
	if o.Socket == "" {
		o.Socket = filepath.Join(o.DataDir, "hb.sock")
	}
	return clean, nil
}

// shellWord quotes a word for a shell, where it needs it.
func shellWord(s string) string { return commandLine([]string{s}) }
