package tidy

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// pureImports says why floors 1 and 2 may not import a package; a path that
// ends in "/" stands for all under it.
func pureImports() map[string]string {
	return map[string]string{
		"sync":        "a machine is owned by one goroutine; nothing in it is behind a lock",
		"sync/":       "a machine is owned by one goroutine; nothing in it is behind a lock",
		"os":          "files and the environment belong to drivers",
		"os/":         "processes and signals belong to drivers",
		"net":         "sockets belong to drivers; addresses are net/netip",
		"net/":        "sockets belong to drivers; addresses are net/netip",
		"io/ioutil":   "files belong to drivers",
		"log":         "a log line is an effect",
		"log/":        "a log line is an effect",
		"context":     "time and cancellation come as events",
		"crypto/rand": "chance comes from a seeded generator given at construction",
		"math/rand":   "chance comes from a seeded generator (math/rand/v2) given at construction",
		"runtime":     "a machine does not depend on the machine it runs on",
		"runtime/":    "a machine does not depend on the machine it runs on",
		"unsafe":      "nothing here is worth it",
	}
}

// pureSelectors lists, for packages of which only a part is pure, that part.
func pureSelectors() map[string][]string {
	return map[string][]string{
		"time": {"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"},
		// Everything else there draws from the process's own source.
		"math/rand/v2": {"Rand", "New", "Source", "PCG", "NewPCG", "ChaCha8", "NewChaCha8", "Zipf", "NewZipf"},
	}
}

func isPrint(name string) bool { return name == "Print" || name == "Printf" || name == "Println" }

// isPure says whether a directory is on one of the floors of pure machines.
func (m houseMap) isPure(dir string) bool {
	_, floor, ok := m.room(dir)
	return ok && (floor == 1 || floor == 2)
}

// purityRule: floors 1 and 2 are state machines and nothing else.
var purityRule = rule{
	name: "purity",
	why:  "protocols are pure: Step(now, event) gives effects. Only so can the simulator replay a whole cluster from a seed",
	check: func(t *tree) (found []finding) {
		m := t.houseMap()
		for _, f := range t.pick(func(f *file) bool { return !f.test && !f.generated && m.isPure(f.dir) }) {
			found = append(found, t.impureImports(f)...)
			found = append(found, t.impureSyntax(f)...)
			found = append(found, t.impureCalls(f)...)
		}
		return found
	},
	bad: impure(
		"func f() { go f() }",
		"func f() { select {} }",
		"var c chan int",
		"func f(c <-chan int) { }",
		"func f() { println() }",
		"import \"sync\"\n\nvar m sync.Mutex",
		"import \"sync/atomic\"\n\nvar m atomic.Int32",
		"import \"os\"\n\nvar a = os.Args",
		"import \"os/exec\"\n\nvar a = exec.ErrDot",
		"import \"net\"\n\nvar a net.IP",
		"import \"net/http\"\n\nvar a http.Header",
		"import \"log\"\n\nfunc f() { log.Print() }",
		"import \"log/slog\"\n\nfunc f() { slog.Info(\"\") }",
		"import . \"time\"\n\nfunc f() { Now() }",
		"import \"time\"\n\nfunc f() { time.Now() }",
		"import clock \"time\"\n\nfunc f() { clock.Now() }",
		"import \"time\"\n\nvar t time.Timer",
		"import \"math/rand/v2\"\n\nvar n = rand.IntN(3)",
		"import \"math/rand\"\n\nvar n = rand.Intn(3)",
		"import \"crypto/rand\"\n\nvar n = rand.Reader",
		"import \"fmt\"\n\nfunc f() { fmt.Println() }",
	),
	good: fixture{mapFile: mapText,
		"core/low/a.go": "package low\n\nimport (\n\"fmt\"\n\"math/rand/v2\"\n\"net/netip\"\n\"time\"\n)\n\n" +
			"func f(r *rand.Rand, a netip.Addr, d time.Duration) string { return fmt.Sprint(r.IntN(3), a, d < time.Second) }\n",
		"core/low/a_test.go": "package low\n\nimport \"time\"\n\nfunc g() { go g(); time.Now() }\n",
		"core/high/a.go":     "package high\n\nimport \"os\"\n\nfunc g() { go g(); os.Getpid() }\n",
	},
}

// impure makes a fixture of each piece of code.
func impure(pieces ...string) (fixtures []fixture) {
	for _, p := range pieces {
		fixtures = append(fixtures, fixture{mapFile: mapText, "core/low/a.go": "package low\n\n" + p + "\n"})
	}
	return fixtures
}

func (t *tree) impureImports(f *file) (found []finding) {
	for name, pkg := range f.imported() {
		reason := pureImports()[pkg]
		if parent, _, nested := strings.Cut(pkg, "/"); nested && reason == "" && pkg != "net/netip" {
			reason = pureImports()[parent+"/"]
		}
		if reason != "" {
			found = append(found, t.at(f, t.importLine(f, pkg), "imports %s: %s", pkg, reason))
		}
		if name == "." {
			found = append(found, t.at(f, t.importLine(f, pkg), "imports %s as \".\", which hides what is used of it", pkg))
		}
	}
	return found
}

func (t *tree) impureSyntax(f *file) (found []finding) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		problem := ""
		switch n := n.(type) {
		case *ast.GoStmt:
			problem = "starts a goroutine"
		case *ast.SelectStmt:
			problem = "selects"
		case *ast.ChanType:
			problem = "has a channel"
		case *ast.SendStmt:
			problem = "sends on a channel"
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				problem = "receives from a channel"
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "print" || id.Name == "println") {
				problem = "prints"
			}
		}
		if problem != "" {
			found = append(found, t.at(f, n.Pos(), "%s", problem))
		}
		return true
	})
	return found
}

func (t *tree) impureCalls(f *file) (found []finding) {
	f.selected(func(pkg string, sel *ast.SelectorExpr) {
		allowed, partly := pureSelectors()[pkg]
		if partly && !slices.Contains(allowed, sel.Sel.Name) {
			found = append(found, t.at(f, sel.Pos(), "uses %s.%s; pure code has of %s only %s", pkg, sel.Sel.Name, pkg, strings.Join(allowed, ", ")))
		}
		if pkg == "fmt" && isPrint(sel.Sel.Name) {
			found = append(found, t.at(f, sel.Pos(), "prints; a log line is an effect"))
		}
	})
	return found
}
