// Command mutants plants bugs in a temporary copy of the module and runs the
// simulator's seeds there: a check that never fails proves nothing. It prints
// which seed caught each bug, and by which invariant, and fails when one
// survives.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	only := flag.String("only", "", "plant only bugs whose name holds this")
	seeds := flag.Int("seeds", 200, "how many seeds a bug may survive")
	flag.Parse()
	survived, err := run(*only, *seeds)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if survived > 0 {
		fmt.Printf("%d survived\n", survived)
		os.Exit(1)
	}
}

func run(only string, seeds int) (survived int, err error) {
	dir, err := os.MkdirTemp("", "hb-mutants-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := copyModule(dir); err != nil {
		return 0, err
	}
	for _, m := range mutants {
		if !strings.Contains(m.name, only) {
			continue
		}
		found, err := m.hunt(dir, seeds)
		if err != nil {
			return survived, fmt.Errorf("%s: %w", m.name, err)
		}
		if found == "" {
			survived++
			found = fmt.Sprintf("SURVIVED %d seeds", seeds)
		}
		fmt.Printf("%-45s %s\n", m.name, found)
	}
	return survived, nil
}

// copyModule copies what the seeds are made of to dir.
func copyModule(dir string) error {
	for _, name := range []string{"core", "scripts/cmd", "scripts/linear"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(name)); err != nil {
			return err
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// change is one place in the source that becomes another.
type change struct{ file, is, becomes string }

// hunt plants the bug, runs seeds until one fails, and takes the bug out again.
// It says what failed; nothing when all seeds were well.
func (m mutant) hunt(dir string, seeds int) (string, error) {
	for _, c := range m.changes {
		path := filepath.Join(dir, c.file)
		before, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if n := strings.Count(string(before), c.is); n != 1 {
			return "", fmt.Errorf("%s has %d places that read %q; bring the bug up to date", c.file, n, c.is)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(before), c.is, c.becomes, 1)), 0o644); err != nil {
			return "", err
		}
		defer os.WriteFile(path, before, 0o644)
	}
	bin := filepath.Join(dir, "seeds.bin")
	build := exec.Command("go", "build", "-o", bin, "./scripts/cmd/seeds")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not build: %w\n%s", err, out)
	}
	out, err := exec.Command(bin, "--seeds", fmt.Sprint(seeds), "--failures", "1", "--once").CombinedOutput()
	if err == nil {
		return "", nil
	}
	return firstFailure(string(out))
}

// violation is the first line of a failed seed: "seed 7 at 12s: invariant: …".
var violation = regexp.MustCompile(`(?m)^seed (\d+)( at [^:]*)?: ([^:\n]*).*$`)

func firstFailure(out string) (string, error) {
	found := violation.FindStringSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("the seeds failed in an unknown way:\n%.2000s", out)
	}
	return fmt.Sprintf("caught by seed %s: %s", found[1], found[3]), nil
}
