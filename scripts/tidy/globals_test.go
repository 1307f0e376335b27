package tidy

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// constantCalls make values that nobody can change afterwards, or nobody would.
func constantCalls() []string {
	return []string{
		"errors.New", "fmt.Errorf", "regexp.MustCompile", "strings.NewReplacer",
		"netip.MustParseAddr", "netip.MustParsePrefix", "netip.MustParseAddrPort", "netip.AddrFrom4",
		"base32.HexEncoding.WithPadding", "crc32.MakeTable", "proto.MarshalOptions", "core.Faultf",
		"reflect.TypeFor", "template.Must",
	}
}

// globalsRule: package variables are constants in all but name, and no package
// works before it is called. A variable may
// be an error, a regular expression and the like (constantCalls), or a table
// written out in place that no line of its package assigns to, takes the
// address of or deletes from; and `var _ I = T{}` is no variable at all.
var globalsRule = rule{
	name: "no mutable globals",
	why:  "state in a package belongs to nobody: two nodes in one process would share it, and a seed would not decide it",
	check: func(t *tree) (found []finding) {
		for _, dir := range t.dirs() {
			code := t.code(dir)
			changed := map[string]bool{}
			for _, f := range code {
				changedNames(f.ast, changed)
			}
			for _, f := range code {
				for _, d := range f.ast.Decls {
					if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
						found = append(found, t.at(f, fn.Pos(), "init works before anybody asks, in every command"))
					}
				}
				for _, v := range globals(f.ast) {
					if problem := mutable(v, changed); problem != "" {
						found = append(found, t.at(f, v.name.Pos(), "%s %s", v.name.Name, problem))
					}
				}
			}
		}
		return found
	},
	bad: globalFixtures(
		"func init() {}", "var n int", "var n = 0\n\nfunc f() { n = 1 }", "var n = 0\n\nfunc f() { n++ }", "var n = 0\n\nfunc f() *int { return &n }",
		"var m = map[int]int{}\n\nfunc f() { m[1] = 2 }", "var m = map[int]int{1: 1}\n\nfunc f() { delete(m, 1) }",
		"var m = make(map[int]int)", "var p = new(int)", "var p = &struct{ n int }{}", "var s []int", "import \"sync\"\n\nvar m sync.Mutex",
		"var s = struct{ n int }{}\n\nfunc f() { s.n = 1 }", "var a, b = 1, g()", "func g() int { return 1 }\n\nvar n = g()",
	),
	good: fixture{"a/a.go": "package a\n\nimport (\n\"errors\"\n\"io\"\n)\n\nvar errA = errors.New(\"a\")\n\nvar errB = core.Faultf(1, \"b\").WithHint(\"c\")\n\nvar names = [...]string{1: \"a\"}\n\n" +
		"var m = map[string]int{\"a\": 1}\n\nvar version = \"dev\"\n\nvar _ io.Reader = nil\n\nfunc f() { m := 1; m++; var n int; n = m; _ = n }\n",
		"a/a_test.go": "package a\n\nvar n int\n"},
}

func globalFixtures(pieces ...string) (fixtures []fixture) {
	for _, p := range pieces {
		fixtures = append(fixtures, fixture{"a/a.go": "package a\n\n" + p + "\n"})
	}
	return fixtures
}

// global is one package variable with what it is set to, if anything.
type global struct {
	name  *ast.Ident
	value ast.Expr
}

func globals(f *ast.File) (vars []global) {
	for _, d := range f.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.VAR {
			continue
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.ValueSpec)
			for i, name := range spec.Names {
				v := global{name: name}
				if len(spec.Values) == len(spec.Names) {
					v.value = spec.Values[i]
				}
				embedded := decl.Doc != nil && strings.Contains(decl.Doc.List[len(decl.Doc.List)-1].Text, "//go:embed")
				if name.Name != "_" && !embedded {
					vars = append(vars, v)
				}
			}
		}
	}
	return vars
}

func mutable(v global, changed map[string]bool) string {
	switch {
	case changed[v.name.Name]:
		return "is a package variable that is changed"
	case v.value == nil:
		return "is a package variable without a value, so something must change it"
	case !isConstant(v.value):
		return "is a package variable set to something that can change; give it to whoever needs it"
	}
	return ""
}

// isConstant recognises values written out in place and calls of constantCalls.
func isConstant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit, *ast.CompositeLit, *ast.FuncLit, *ast.Ident, *ast.SelectorExpr:
		return true
	case *ast.ParenExpr:
		return isConstant(e.X)
	case *ast.BinaryExpr:
		return isConstant(e.X) && isConstant(e.Y)
	case *ast.CallExpr:
		if _, isType := e.Fun.(*ast.ArrayType); isType {
			return true
		}
		fun := e.Fun
		if method, ok := fun.(*ast.SelectorExpr); ok && method.Sel.Name == "WithHint" {
			return isConstant(method.X)
		}
		if generic, ok := fun.(*ast.IndexExpr); ok {
			fun = generic.X
		}
		return slices.Contains(constantCalls(), dotted(fun))
	}
	return false
}

// dotted writes a.b.c as text.
func dotted(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return dotted(e.X) + "." + e.Sel.Name
	}
	return ""
}

// changedNames collects the names of package variables that a file changes: on
// the left of an assignment, counted up or down, deleted from, or with their
// address taken. A local variable hides the package's for its whole function,
// which is enough for small functions.
func changedNames(f *ast.File, changed map[string]bool) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		local := localNames(fn)
		note := func(e ast.Expr) {
			if name := base(e); name != "" && !local[name] {
				changed[name] = true
			}
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, left := range n.Lhs {
						note(left)
					}
				}
			case *ast.IncDecStmt:
				note(n.X)
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					note(n.X)
				}
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
					note(n.Args[0])
				}
			}
			return true
		})
	}
}

// base is the variable under indexes, fields and parentheses.
func base(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.IndexExpr:
		return base(e.X)
	case *ast.SelectorExpr:
		return base(e.X)
	case *ast.StarExpr:
		return base(e.X)
	case *ast.ParenExpr:
		return base(e.X)
	}
	return ""
}

// localNames are all names a function declares, anywhere inside.
func localNames(fn *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	add := func(ids ...*ast.Ident) {
		for _, id := range ids {
			names[id.Name] = true
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			add(n.Names...)
		case *ast.ValueSpec:
			add(n.Names...)
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if id, ok := left.(*ast.Ident); ok && n.Tok == token.DEFINE {
					add(id)
				}
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					add(id)
				}
			}
		}
		return true
	})
	return names
}
