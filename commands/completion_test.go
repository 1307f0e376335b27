package commands

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"hb/core/control"
)

// shell runs a script in a shell that finds hb, and a node with members a to d behind
// its socket. It skips, loudly, without the shell.
func shell(t *testing.T, name string, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("SKIPPED: %s is not installed, so its completion is NOT tested in this run", name)
	}
	dir, err := os.MkdirTemp("", "hb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(dir, "hb")); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "three")
	_, stop, err := startFake("three", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HB_SOCKET="+socket, "HOME="+dir, "TERM=dumb")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// Each shell completes these lines, by turns, with these words.
var completedLines = []struct {
	line string
	want []string
}{
	{"hb leader tr", []string{"transfer"}},
	{"hb drain ", []string{"a", "b", "c", "d"}},
	{"hb submit --on-f", []string{"--on-failure"}},
	{"hb members --output js", []string{"json", "jsonl"}},
	{"hb nothing ", nil},
}

func TestBashCompletes(t *testing.T) {
	for _, c := range completedLines {
		got := shell(t, "bash", "--norc", "-ec", `source <(hb completion bash)
			read -ra COMP_WORDS <<<"$1"; [[ $1 != *' ' ]] || COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _hb
			printf '%s\n' "${COMPREPLY[@]}"`, "bash", c.line)
		same(t, "bash", c.line, got, c.want)
	}
}

func TestBashAndZshBindTheFunction(t *testing.T) {
	if got := shell(t, "bash", "--norc", "-ec", "source <(hb completion bash); complete -p hb"); !slices.Contains(got, "complete -F _hb hb") {
		t.Errorf("bash has %q", got)
	}
	if got := shell(t, "zsh", "-fc", "autoload -U compinit; compinit -D -u; source <(hb completion zsh); print $_comps[hb]"); !slices.Contains(got, "_hb") {
		t.Errorf("zsh has %q", got)
	}
}

func TestZshCompletes(t *testing.T) {
	for _, c := range completedLines {
		// What it would offer is printed, in the place of zsh's own functions.
		got := shell(t, "zsh", "-fc", `compdef() { :; }
			_describe() { print -l -- "${(@)${(@P)3}%%:*}"; }
			_files() { print files; }
			source <(hb completion zsh)
			words=("${(z)1}"); [[ $1 == *' ' ]] && words+=('')
			CURRENT=$#words; _hb || true`, "zsh", c.line)
		same(t, "zsh", c.line, got, c.want)
	}
}

func TestFishCompletes(t *testing.T) {
	for _, c := range completedLines {
		got := shell(t, "fish", "--no-config", "-c", `hb completion fish | source; complete -C "$argv[1]"`, c.line)
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], "\t")
		}
		same(t, "fish", c.line, got, c.want)
	}
}

func same(t *testing.T, shell, line string, got, want []string) {
	t.Helper()
	got = slices.DeleteFunc(got, func(s string) bool { return s == "" })
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("%s completes %q with %q, want %q", shell, line, got, want)
	}
}

// What is offered is what the help of the command names, and what is taken.
func TestOnlyWordsThatAreTakenAreOffered(t *testing.T) {
	offered := map[string]bool{}
	check := func(flags []cli.Flag, command string) {
		for _, f := range flags {
			name := f.Names()[0]
			_, meaning := describe(f)
			for _, word := range flagWords(name, command) {
				offered[name] = true
				if name == "status" {
					continue // the commands check by the same list
				}
				if !strings.Contains(meaning, word) {
					t.Errorf("hb %s --%s %s is offered; the help says %q", command, name, word, meaning)
				}
			}
		}
	}
	app := App("test")
	check(app.Flags, "")
	var walk func([]*cli.Command)
	walk = func(list []*cli.Command) {
		for _, c := range list {
			check(c.Flags, c.Name)
			walk(c.Subcommands)
		}
	}
	walk(app.Commands)
	if len(offered) != 7 {
		t.Errorf("the flags with words are %v", offered)
	}
	for _, line := range conditions() {
		word, _, _ := strings.Cut(line, "\t")
		if _, err := control.ParseCondition(strings.Replace(word, "=", "=1", 1)); err != nil {
			t.Errorf("hb wait %s is offered: %v", word, err)
		}
	}
}

func TestTheBashCompletionIsClean(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("SKIPPED: shellcheck is not installed, so the completion of bash is NOT checked in this run")
	}
	cmd := exec.Command("shellcheck", "-s", "bash", "-")
	cmd.Stdin = strings.NewReader(bashCompletion)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
