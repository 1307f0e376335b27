package commands

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/core"
	"hb/core/enroll"
	"hb/core/pki"
)

func joinCommand() *cli.Command {
	return &cli.Command{
		Name:      "join",
		Usage:     "join a cluster with a token",
		ArgsUsage: "TOKEN|-|@FILE [HOST:PORT]",
		Description: `Gets credentials for this machine from a cluster, by a token of hb init or hb token
create there, and writes them and an hb.toml. The token may also come from the
standard input (-), a file (@FILE), or HB_JOIN_TOKEN, where other users of the
machine do not see it. A member of the cluster is found by broadcast and
multicast, unless HOST:PORT names one, or hb.toml does as a seed.

The machine shows the token only to a member of the cluster that the token is for,
and the same machine may ask again and again: it is counted once. Whoever is a
member already stays what it is, and exits 0. One whose certificate has ended, for
it was off for long, joins again under the same ID, with a new token.

65: not a token, a token of another cluster, or a name that is taken; 69: nobody
answers; 77: the token expired, was revoked or is used up; 78: the clock is wrong.

` + setupWords,
		Flags: setupFlags(
			&cli.StringSliceFlag{Name: "seed", Usage: "ask the node at `HOST:PORT` first, now and after a restart; may be repeated"},
			&cli.BoolFlag{Name: "replace", Usage: "forget the member, if it is dead, that has this machine's name"},
		),
		Action: plainWords(2, runJoin),
	}
}

// joinLimit is how long all members together may take to let a machine in.
const joinLimit = 30 * time.Second

func runJoin(c *call) error {
	token, err := c.joinToken()
	if err != nil {
		return err
	}
	s, err := c.setup()
	if err != nil {
		return err
	}
	host, err := s.hosts()
	if err != nil {
		return err
	}
	ctx, cancel := c.limited(joinLimit)
	defer cancel()
	got, err := enroll.Join(ctx, enroll.Joining{
		Data: s.data, Name: s.name, Token: token, Replace: c.Bool("replace"), Program: c.App.Version, Random: rand.Reader, Now: time.Now,
		Find: func(ctx context.Context) ([]string, error) {
			if len(host) > 0 {
				return host, nil
			}
			return s.findMembers(ctx)
		},
	})
	if err != nil {
		return err
	}
	if got.By != "" {
		if err := s.takeOver(got); err != nil {
			return err
		}
	}
	if err := s.writeConfig(); err != nil {
		return err
	}
	id := got.Credentials.Identity
	s.tell("%s (%v) is let into the cluster %v, until %s", id.Name, id.Node, id.Cluster, core.Stamp(id.Expiry.UnixNano()))
	return s.start()
}

// takeOver writes into the configuration what the cluster is like, and whom to ask
// after a restart.
func (s *setup) takeOver(got *enroll.Admitted) error {
	if s.there {
		if s.conf.Detector.Kind != got.Detector {
			return core.Faultf(core.CodeBadInput, "%s has [detector] kind = %q, and the cluster's is %q", s.path, s.conf.Detector.Kind, got.Detector).
				WithHint("change it there; the machine has its credentials: then start hb node")
		}
		return nil
	}
	for _, set := range [][]string{{"detector.kind", got.Detector}, {"cluster.name", got.ClusterName}} {
		if err := s.conf.Set(set[0], set[1:]...); err != nil {
			return err
		}
	}
	if seeds := s.conf.Cluster.Seeds; !slices.Contains(seeds, got.By) {
		return s.conf.Set("cluster.seeds", append(seeds, got.By)...)
	}
	return nil
}

// joinToken reads the token from where the call says it is.
func (c *call) joinToken() (pki.Token, error) {
	word := os.Getenv("HB_JOIN_TOKEN")
	if len(c.words) > 0 && !(word != "" && len(c.words) == 1 && isHost(c.words[0])) {
		word, c.words = c.words[0], c.words[1:]
	}
	if word == "" {
		return pki.Token{}, usage("hb join needs a token").WithHint("hb token create, on a member, prints one")
	}
	return c.readToken(word)
}

// readToken reads a token from where a word says it is.
func (c *call) readToken(word string) (pki.Token, error) {
	switch {
	case word == "-":
		b, err := io.ReadAll(io.LimitReader(c.App.Reader, 1<<16))
		if err != nil {
			return pki.Token{}, core.Faultf(core.CodeIO, "cannot read the token from the standard input: %v", err)
		}
		word = string(b)
	case strings.HasPrefix(word, "@"):
		b, err := os.ReadFile(word[1:])
		if err != nil {
			return pki.Token{}, core.Faultf(core.CodeIO, "cannot read the token: %v", err)
		}
		word = string(b)
	}
	return pki.ParseToken(word)
}

// isHost says whether a word is HOST:PORT, which no token is.
func isHost(word string) bool {
	_, _, err := net.SplitHostPort(word)
	return err == nil
}

// hosts are the members that the call or the configuration names, if any.
func (s *setup) hosts() ([]string, error) {
	if len(s.words) == 0 {
		return s.conf.Cluster.Seeds, nil
	}
	host, err := hostPort(s.words[0])
	if err != nil {
		return nil, err
	}
	return []string{host}, nil
}

// hostPort is the HOST:PORT that a word names; the port may be left out.
func hostPort(word string) (string, error) {
	switch {
	case isHost(word):
		return word, nil
	case word == "" || strings.Contains(word, ":"):
		return "", usage("%s: HOST:PORT is meant", word)
	}
	return net.JoinHostPort(word, "7117"), nil
}

// findMembers calls on the local network, a few times, until members of a cluster
// answer.
func (s *setup) findMembers(ctx context.Context) ([]string, error) {
	beacon, err := openCensus(s.conf)
	if err != nil {
		var f *core.Fault
		if errors.As(err, &f) && f.Hint == "" {
			f.WithHint("name a member: hb join TOKEN HOST:PORT")
		}
		return nil, err
	}
	defer beacon.Close()
	for range 5 {
		var found []string
		for _, n := range takeCensus(beacon, time.Second) {
			if n.Cluster != nil {
				found = append(found, n.Address)
			}
		}
		if len(found) > 0 || ctx.Err() != nil {
			return found, nil
		}
	}
	return nil, nil
}
