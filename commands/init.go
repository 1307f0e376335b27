package commands

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core/enroll"
)

func initCommand() *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "found a cluster, with this machine as its first member",
		Description: `Founds a cluster: makes its own certificate authority, this machine's keys and
certificate, and hb.toml, and prints a join token, alone, on the standard output.
On every other machine hb join takes that token, for a day; hb token create makes
others. Whoever has a token can join: keep it as you would a password.

Once is enough: every further machine joins. On the founder itself hb init says
again what it said the first time, and exits 0; a data directory that belongs to
another cluster is refused with 65.

` + setupWords,
		Flags: setupFlags(
			&cli.StringFlag{Name: "cluster", Usage: "the cluster's `NAME` among people"},
			&cli.StringSliceFlag{Name: "seed", Usage: "ask the node at `HOST:PORT` first, after a restart; may be repeated"},
		),
		Action: plainWords(0, runInit),
	}
}

func runInit(c *call) error {
	s, err := c.setup()
	if err != nil {
		return err
	}
	founded, err := enroll.Found(enroll.Founding{
		Data: s.data, Name: s.name, Cluster: s.conf.Cluster.Name, Voters: s.conf.Log.Voters, Random: rand.Reader, Now: time.Now(),
	})
	if err != nil {
		return err
	}
	if err := s.writeConfig(); err != nil {
		return err
	}
	what := "founded"
	if founded.Before {
		what = "member of"
	}
	s.tell("%s the cluster %s (%v); this is %s (%v)", what, s.conf.Cluster.Name, founded.Credentials.Identity.Cluster, s.name, founded.Credentials.Identity.Node)
	if time.Now().After(founded.Token.Expiry) {
		s.tell("the first token has expired; hb token create makes another")
	}
	if err := c.printFirst(founded); err != nil {
		return err
	}
	return s.start()
}

// printFirst prints the first token.
func (c *call) printFirst(f *enroll.Founded) error {
	if !c.isJSON() {
		_, err := fmt.Fprintln(c.stdout, f.Token.Reveal())
		return err
	}
	return render.JSON(c.stdout, madeToken{"hb.new-token/1", f.Token.Reveal(), f.Token.ID(), f.Token.Expiry, nil})
}
