package tidy

import (
	"go/ast"
	"regexp"
	"strconv"
	"strings"
)

// skipRule: whoever reads what a run said learns what it has not shown.
var skipRule = rule{
	name: "skipped tests",
	why:  `a test that cannot run here says "SKIPPED", why, and what is NOT tested: else the run shows less than it seems to`,
	check: func(t *tree) (found []finding) {
		form := regexp.MustCompile(`(?s)^SKIPPED( by -short)?: .*\bNOT\b`)
		for _, f := range t.pick(func(f *file) bool { return f.test }) {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				call, is := n.(*ast.CallExpr)
				if !is {
					return true
				}
				fn, is := call.Fun.(*ast.SelectorExpr)
				if !is || !strings.HasPrefix(fn.Sel.Name, "Skip") || fn.Sel.Name == "Skipped" {
					return true
				}
				text := ""
				if len(call.Args) > 0 {
					if word, is := call.Args[0].(*ast.BasicLit); is {
						text, _ = strconv.Unquote(word.Value)
					}
				}
				if !form.MatchString(text) {
					found = append(found, t.at(f, call.Pos(), "%s says %q", fn.Sel.Name, text))
				}
				return true
			})
		}
		return found
	},
	bad: []fixture{
		{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Skip(\"no root here\") }\n"},
		{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Skipf(\"SKIPPED: no %s here\", \"root\") }\n"},
		{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.SkipNow() }\n"},
	},
	good: fixture{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Skipf(\"SKIPPED: no %s here, so A is NOT tested in this run\", \"root\") }\n"},
}
