package commands

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/urfave/cli/v2"

	"hb/core/config"
)

var update = flag.Bool("update", false, "rewrite the man pages in ../man, and the golden files")

const manDir = "../man"

// exitCodes is the part of hb(1) that every script needs.
const exitCodes = `# EXIT STATUS
**0**
:   yes, or done

**1**
:   no, or nothing matches

**64**
:   the words of the call are wrong

**65**
:   the input contradicts what is there, or is too big

**66**
:   nobody has ever heard of it

**69**
:   no node behind the socket

**70**
:   a fault of hb itself

**74**
:   this machine's disk or output failed

**75**
:   busy: try again

**77**
:   not allowed

**78**
:   the configuration is wrong

**106**
:   no leader, or no quorum behind it

**124**
:   a time ran out: a task's limit, what the client waited for, a node that does not answer

Commands that wait for a task (**run**, **submit --wait**, **task wait**) return its code, 128 and the signal when one ended it (143 when it was cancelled), 126 or 127 when it cannot be executed or is not found, and 125 when hb itself failed, was refused, gave up, lost contact or does not know the result. "Unknown" is never 0.
`

const durationWords = "A *DURATION*, here and in hb.toml, is a number and a unit, or several of them: 500ms, 10s, 5m, 1h30m, 7d, 2w. A day has 24 hours.\n\n"

const environmentWords = `# ENVIRONMENT
**HB_SOCKET**, **HB_CONFIG**, **HB_TIMEOUT**
:   as the flags --socket, --config and --timeout, which go before them; HB_TIMEOUT is only for commands that are answered at once.

**NO_COLOR**
:   when set and not empty: no colours.

**HB_TASK_ID**, **HB_ATTEMPT**, **HB_FENCE**, **HB_NODE**, **HB_NODE_ID**
:   are set for a task. HB_FENCE is a number that grows with every grant.
`

const fileWords = `# FILES
/etc/hb/hb.toml, /run/hb/hb.sock, /var/lib/hb
:   configuration, socket and data of root's node

$XDG_CONFIG_HOME/hb/hb.toml, $XDG_RUNTIME_DIR/hb/hb.sock, $XDG_STATE_HOME/hb
:   those of others

A command asks the node behind --socket, HB_SOCKET, the socket of the configuration, or else the user's socket and then /run/hb/hb.sock.
`

const apiWords = "# LOCAL API\nThe socket speaks HTTP/1.1 with JSON, in the shapes that --json prints; **hb-api**(7) lists what it has:\n\n" +
	"    curl --unix-socket /run/hb/hb.sock http://hb/v1/members\n"

// manPages gives every page by its file name: the same words as the help.
func manPages() map[string][]byte {
	app := App("")
	pages := map[string][]byte{"hb.1": page(hbPage(app)), "hb.toml.5": md2man.Render([]byte(config.Manual()))}
	jobs, err := os.ReadFile(jobsPage)
	if err != nil {
		panic(err)
	}
	pages["hb-jobs.7"], pages["hb-api.7"] = md2man.Render(jobs), page(apiPage())
	for _, c := range app.Commands {
		pages["hb-"+c.Name+".1"] = page(commandPage(c))
	}
	return pages
}

func page(markdown string) []byte { return md2man.Render([]byte(markdown)) }

func hbPage(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hb 1 \"\" \"hb\" \"User Commands\"\n==================================================\n\n")
	fmt.Fprintf(&b, "# NAME\nhb - %s\n\n# SYNOPSIS\n**hb** [*FLAGS*] *COMMAND* [*ARGUMENTS*]\n\n# DESCRIPTION\n", app.Usage)
	b.WriteString("hb makes a number of Linux machines one cluster that finds itself, knows who is alive, agrees on who leads, keeps one durable log, " +
		"and runs each task given to it on the best member, losing none. **hb demo** shows it on this machine alone.\n\n" +
		"Data goes to the standard output, words for people to the standard error. Flags may stand before or after the command and its arguments, but never behind --.\n\n# COMMANDS\n")
	for _, c := range app.Commands {
		fmt.Fprintf(&b, "**hb-%s**(1)\n:   %s\n\n", c.Name, marked(c.Usage))
	}
	b.WriteString("# FLAGS\n" + flagList(app.Flags) + durationWords + exitCodes + "\n" + environmentWords + "\n" + fileWords + "\n" + apiWords)
	b.WriteString("\n# SEE ALSO\n**hb-jobs**(7), **hb-api**(7), **hb.toml**(5)\n")
	return b.String()
}

func commandPage(c *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "hb-%s 1 \"\" \"hb\" \"User Commands\"\n==================================================\n\n", c.Name)
	fmt.Fprintf(&b, "# NAME\nhb-%s - %s\n\n# SYNOPSIS\n", c.Name, marked(c.Usage))
	for _, path := range paths(c) {
		for line := range strings.SplitSeq(synopsis(path), "\n") {
			fmt.Fprintf(&b, "%s\n\n", marked(line))
		}
	}
	fmt.Fprintf(&b, "# DESCRIPTION\n%s\n\n", prose(c.Description))
	if len(c.Flags) > 0 {
		b.WriteString("# FLAGS\n" + flagList(c.Flags))
	}
	for _, path := range paths(c)[1:] {
		sub := path[len(path)-1]
		fmt.Fprintf(&b, "# %s\n%s: %s.\n\n%s\n\n", strings.ToUpper(fullName(path)), fullName(path), marked(sub.Usage), prose(sub.Description))
		b.WriteString(flagList(sub.Flags))
	}
	b.WriteString("# SEE ALSO\n**hb**(1) has the flags of all commands and the exit codes.\n")
	return b.String()
}

// paths is a command and its subcommands.
func paths(c *cli.Command) [][]*cli.Command {
	out := [][]*cli.Command{{c}}
	for _, sub := range c.Subcommands {
		out = append(out, []*cli.Command{c, sub})
	}
	return out
}

func flagList(flags []cli.Flag) string {
	var b strings.Builder
	for _, f := range flags {
		form, meaning := describe(f)
		fmt.Fprintf(&b, "**%s**\n:   %s\n\n", marked(form), marked(meaning))
	}
	return b.String()
}

// marked keeps Markdown from reading something into plain words.
func marked(s string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "]", `\]`, "|", `\|`, "`", "\\`").Replace(s)
}

// prose marks a description, but for its indented examples.
func prose(s string) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		if !strings.HasPrefix(line, "    ") {
			line = marked(line)
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func TestManPagesSayWhatTheHelpSays(t *testing.T) {
	pages := manPages()
	for name, want := range pages {
		file := filepath.Join(manDir, name)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the commands say now (go test ./commands -update mends it): %v", file, err)
		}
	}
	present, err := filepath.Glob(manDir + "/*.[157]")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range present {
		if _, known := pages[filepath.Base(file)]; !known {
			t.Errorf("%s belongs to no command", file)
		}
	}
}

func TestManPagesRenderWithoutWarnings(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("SKIPPED: groff is not installed, so how the man pages render is NOT tested in this run")
	}
	for name, text := range manPages() {
		cmd := exec.Command("groff", "-man", "-Tutf8", "-ww", "-z", "-P-c")
		cmd.Stdin = bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestEveryCommandAndFlagIsExplained(t *testing.T) {
	app := App("")
	for _, c := range app.Commands {
		for _, path := range paths(c) {
			last := path[len(path)-1]
			if last.Usage == "" || last.Description == "" {
				t.Errorf("%s is not explained", fullName(path))
			}
			for _, f := range last.Flags {
				if _, meaning := describe(f); meaning == "" {
					t.Errorf("%s %v is not explained", fullName(path), f.Names())
				}
			}
		}
	}
}
