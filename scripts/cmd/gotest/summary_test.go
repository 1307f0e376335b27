package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tests of a small module, run by the program itself.
const module = `module example
go 1.24
`

const tests = `package example

import "testing"

func TestPasses(t *testing.T) { t.Log("nobody wants this") }

func TestNeedsRoot(t *testing.T) { t.Skip("SKIPPED: only root can do it") }

func TestParts(t *testing.T) {
	t.Run("one", func(t *testing.T) { t.Skipf("no %s here", "ext4") })
	t.Run("two", func(t *testing.T) { t.Error("two is wrong") })
}
`

func TestOfARunOnlyFailuresAndSkipsAreTold(t *testing.T) {
	out, code := gotest(t, map[string]string{"go.mod": module, "a_test.go": tests})
	for _, want := range []string{
		"SKIPPED example.TestNeedsRoot: only root can do it\n",
		"SKIPPED example.TestParts/one: no ext4 here\n",
		"two is wrong", "--- FAIL: TestParts/two",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	if strings.Contains(out, "nobody wants this") || code != 1 {
		t.Errorf("exit %d", code)
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestARunThatPanicsOrDoesNotCompileSaysWhy(t *testing.T) {
	out, code := gotest(t, map[string]string{"go.mod": module, "a_test.go": "package example\nimport \"testing\"\nfunc TestA(t *testing.T) { t.Log(\"before\"); panic(\"at the disco\") }\n"})
	if !strings.Contains(out, "panic: at the disco") || code != 1 {
		t.Errorf("exit %d\n%s", code, out)
	}
	out, code = gotest(t, map[string]string{"go.mod": module, "a_test.go": "package example\nvar a int = \"text\"\n"})
	if !strings.Contains(out, "a_test.go:2:") || code != 1 {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestAStreamThatIsTornOrNoJSONIsAFault(t *testing.T) {
	var out strings.Builder
	if err := summarize(strings.NewReader(`{"Action":"output"`), &out); err == nil {
		t.Error("a torn line was taken for the end")
	}
	if err := summarize(strings.NewReader("ok example\n"), &out); err == nil {
		t.Error("a line that is no JSON was taken")
	}
}

// gotest runs the program in a module of these files.
func gotest(t *testing.T, files map[string]string) (out string, code int) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(t.TempDir(), "gotest")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.Command(bin, "./...")
	run.Dir = dir
	text, err := run.CombinedOutput()
	if run.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), run.ProcessState.ExitCode()
}
