package commands

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"hb/commands/render"
	"hb/core"
	"hb/core/config"
	"hb/core/control"
)

// answerTime is how long a client waits for what is answered at once.
const answerTime = 10 * time.Second

// call is one run of one command.
type call struct {
	*cli.Context
	// words are the arguments; behind those behind "--", dashed whether there
	// was one.
	words, behind []string
	dashed        bool
	// form is table, plain, json or jsonl.
	form  string
	quiet bool
	// stdout fails with a fault; stderr is for people.
	stdout, stderr io.Writer
}

// action makes the library's form of a command's function. It takes at most
// max arguments in front of "--", or any number when max is negative.
func action(max int, run func(*call) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		k := &call{Context: c, quiet: c.Bool("quiet"), stderr: c.App.ErrWriter}
		k.words = c.Args().Slice()
		if i := slices.Index(k.words, "--"); i >= 0 {
			k.words, k.behind, k.dashed = k.words[:i], k.words[i+1:], true
		}
		k.stdout = checked{c.App.Writer}
		if k.width() > 0 && !isUTF8() {
			k.stdout = asciiCuts{k.stdout}
		}
		if k.quiet {
			k.stdout = io.Discard
		}
		if err := k.chooseForm(); err != nil {
			return err
		}
		if max >= 0 && len(k.words) > max {
			fault := usage("%s takes no further argument: %q", k.name(), k.words[max])
			if takesCommand(c.Command) {
				return fault.WithHint("a command stands behind --: %s -- %s", k.name(), commandLine(k.words))
			}
			return fault
		}
		return run(k)
	}
}

// plainWords takes arguments behind "--" as ordinary ones, for commands that
// have no child to give them to.
func plainWords(max int, run func(*call) error) cli.ActionFunc {
	return action(-1, func(c *call) error {
		c.words, c.behind = append(c.words, c.behind...), nil
		if max >= 0 && len(c.words) > max {
			return usage("%s takes no further argument: %q", c.name(), c.words[max])
		}
		return run(c)
	})
}

// name is the command as it was called.
func (c *call) name() string { return c.Command.HelpName }

func (c *call) chooseForm() error {
	c.form = "table"
	if o := c.String("output"); o != "" {
		if !slices.Contains([]string{"table", "plain", "json", "jsonl"}, o) {
			return usage("-o %s: there is table, plain, json and jsonl", o)
		}
		c.form = o
	}
	if c.Bool("json") {
		c.form = "json"
	}
	return nil
}

// isJSON says whether the output is for programs that read JSON.
func (c *call) isJSON() bool { return c.form == "json" || c.form == "jsonl" }

// width is the terminal's, or 0 without one.
func (c *call) width() int {
	f, is := c.App.Writer.(*os.File)
	if !is || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// color says whether to paint: a terminal whose user has not said no.
func (c *call) color() bool {
	return c.width() > 0 && !c.Bool("no-color") && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// print shows one document: as JSON, each of its records as a line of JSON, or
// its table.
func (c *call) print(doc any, records []any, t *render.Table) error {
	switch c.form {
	case "json":
		return render.JSON(c.stdout, doc)
	case "jsonl":
		for _, r := range records {
			if err := render.JSON(c.stdout, r); err != nil {
				return err
			}
		}
		return nil
	case "plain":
		return t.Plain(c.stdout)
	}
	return t.Write(c.stdout, c.width(), c.color())
}

// answerContext ends when a node should have answered long ago.
func (c *call) answerContext() (context.Context, context.CancelFunc, error) {
	return c.answerWithin(answerTime)
}

// answerWithin is the same for another time than the usual, unless the user says one.
func (c *call) answerWithin(limit time.Duration) (context.Context, context.CancelFunc, error) {
	if env := os.Getenv("HB_TIMEOUT"); env != "" && !c.IsSet("timeout") {
		d, err := core.ParseDuration(env)
		if err != nil || d < 0 {
			return nil, nil, usage("HB_TIMEOUT=%s: a duration is meant, like 10s", env)
		}
		limit = d
	}
	ctx, cancel := c.limited(limit)
	return ctx, cancel, nil
}

// waitContext ends only when --timeout says so.
func (c *call) waitContext() (context.Context, context.CancelFunc) { return c.limited(0) }

func (c *call) limited(limit time.Duration) (context.Context, context.CancelFunc) {
	if c.IsSet("timeout") {
		limit = c.Duration("timeout")
	}
	if limit == 0 {
		return context.WithCancel(c.Context.Context)
	}
	return context.WithTimeout(c.Context.Context, limit)
}

// client is the way to the node.
func (c *call) client() (*control.Client, error) {
	sockets, err := c.sockets()
	if err != nil {
		return nil, err
	}
	client := control.NewClient(sockets...)
	client.Starting = c.starting
	return client, nil
}

// asking is what a command needs that asks the node once: the way to it, for as
// long as an answer may take. Done releases it.
func (c *call) asking() (ctx context.Context, client *control.Client, done context.CancelFunc, err error) {
	return c.askingWithin(answerTime)
}

func (c *call) askingWithin(limit time.Duration) (ctx context.Context, client *control.Client, done context.CancelFunc, err error) {
	if client, err = c.client(); err != nil {
		return nil, nil, nil, err
	}
	ctx, done, err = c.answerWithin(limit)
	return ctx, client, done, err
}

// withNode asks the node once for what has no answer to print.
func (c *call) withNode(ask func(context.Context, *control.Client) error) error {
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	return ask(ctx, client)
}

// printMade prints the task that was made: what submit, retry and a schedule's
// run have in common.
func (c *call) printMade(made *control.Submitted) error {
	if c.isJSON() {
		return render.JSON(c.stdout, made)
	}
	_, err := fmt.Fprintln(c.stdout, made.Task)
	return err
}

// sockets lists where a node may be. A socket that somebody named is the only
// one: to ask another node than was meant is worse than to ask none.
func (c *call) sockets() ([]string, error) {
	for _, named := range []string{c.String("socket"), os.Getenv("HB_SOCKET")} {
		if named != "" {
			return []string{named}, nil
		}
	}
	path, explicit := c.configPath()
	if path != "" {
		conf, findings := config.Load(path)
		if explicit && len(findings) > 0 {
			return nil, core.Faultf(core.CodeConfig, "%v", findings[0]).WithHint("hb config check tells all that is wrong with it")
		}
		if conf.Node.Socket != "" {
			return []string{conf.Node.Socket}, nil
		}
	}
	system := config.DefaultSocket(0, os.Getenv)
	if own := config.DefaultSocket(os.Getuid(), os.Getenv); own != system {
		return []string{own, system}, nil
	}
	return []string{system}, nil
}

// configPath is the configuration to read, and whether somebody named it;
// empty when the default one does not exist.
func (c *call) configPath() (path string, explicit bool) {
	for _, named := range []string{c.String("config"), os.Getenv("HB_CONFIG")} {
		if named != "" {
			return named, true
		}
	}
	path = config.DefaultPath(os.Getuid(), os.Getenv)
	if _, err := os.Stat(path); path == "" || err != nil {
		return "", false
	}
	return path, false
}

// isTerminal says whether a person sits at both ends.
func (c *call) isTerminal() bool {
	in, is := c.App.Reader.(*os.File)
	return is && term.IsTerminal(int(in.Fd())) && c.width() > 0
}

// orEmpty is what a pointer points to; unknown is empty.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func joined(tags map[string]string) string {
	var words []string
	for k, v := range tags {
		words = append(words, k+"="+v)
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}
