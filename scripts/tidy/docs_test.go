package tidy

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// packageDocsRule: every package explains itself.
var packageDocsRule = rule{
	name: "package docs",
	why:  "whoever opens a package first reads its comment: what it is for, how it works, where its limits are",
	check: func(t *tree) (found []finding) {
		for _, dir := range t.dirs() {
			files := t.pick(func(f *file) bool { return f.dir == dir })
			if !slices.ContainsFunc(files, func(f *file) bool { return !f.test && f.ast.Doc != nil }) {
				found = append(found, t.at(files[0], files[0].ast.Package, "package %s has no doc comment", dir))
			}
		}
		return found
	},
	bad: []fixture{
		{"core/low/a.go": "package low\n"},
		{"core/low/a.go": "package low\n", "core/low/a_test.go": "// Package low is tested.\npackage low\n"},
	},
	good: fixture{"core/low/doc.go": "// Package low is low.\npackage low\n", "core/low/a.go": "package low\n"},
}

// exportedDocsRule: every exported name has a comment.
var exportedDocsRule = rule{
	name: "exported docs",
	why:  "an exported name is a promise; its comment says what it means, in which units, and which errors it gives",
	check: func(t *tree) (found []finding) {
		for _, f := range t.pick(func(f *file) bool { return !f.test && !f.generated && f.ast.Name.Name != "main" }) {
			for _, d := range f.ast.Decls {
				for _, name := range undocumented(d) {
					found = append(found, t.at(f, name.Pos(), "%s has no comment", name.Name))
				}
			}
		}
		return found
	},
	bad: []fixture{
		{"a/a.go": "package a\n\nfunc F() {}\n"},
		{"a/a.go": "package a\n\ntype T int\n"},
		{"a/a.go": "package a\n\n// Both.\ntype (\n\tT int\n)\n"},
		{"a/a.go": "package a\n\n// T is.\ntype T int\n\nfunc (T) M() {}\n"},
		{"a/a.go": "package a\n\nconst C = 1\n"},
	},
	good: fixture{"a/a.go": "package a\n\n// T is.\ntype T int\n\n// M does.\nfunc (T) M() {}\n\nfunc f() {}\n\ntype u int\n\nfunc (u) M() {}\n\n" +
		"// The numbers.\nconst (\n\tC = 1\n\tD = 2\n)\n\nvar (\n\tV = 1 // V is one.\n)\n"},
}

// undocumented lists the exported names of a declaration that nothing explains.
// One comment may serve a group of constants or variables, not one of types.
func undocumented(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen != token.NoPos) {
					names = append(names, s.Name)
				}
			case *ast.ValueSpec:
				if d.Doc == nil && s.Doc == nil && s.Comment == nil {
					names = append(names, slices.DeleteFunc(slices.Clone(s.Names), func(n *ast.Ident) bool { return !n.IsExported() })...)
				}
			}
		}
	}
	return names
}

// receiver is the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

// sleepRule: tests wait for something, not for a while.
var sleepRule = rule{
	name: "no sleep in tests",
	why:  "a test that sleeps is too slow on a fast machine and wrong on a slow one; use virtual time, or wait for the condition with a generous deadline",
	check: func(t *tree) (found []finding) {
		for _, f := range t.pick(func(f *file) bool { return f.test }) {
			f.selected(func(pkg string, sel *ast.SelectorExpr) {
				if pkg == "time" && sel.Sel.Name == "Sleep" {
					found = append(found, t.at(f, sel.Pos(), "sleeps"))
				}
			})
		}
		for name, text := range t.texts {
			if !strings.HasSuffix(name, ".txtar") {
				continue
			}
			for i, line := range strings.Split(string(text), "\n") {
				if strings.HasPrefix(strings.TrimPrefix(strings.TrimSpace(line), "exec "), "sleep ") {
					found = append(found, finding{name, i + 1, "sleeps"})
				}
			}
		}
		return found
	},
	bad: []fixture{
		{"a/a_test.go": "package a\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n"},
		{"a/a_test.go": "package a\n\nimport clock \"time\"\n\nvar f = clock.Sleep\n"},
		{"a/a.txtar": "exec hb node\nexec sleep 1\n"},
	},
	good: fixture{"a/a.go": "package a\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n",
		"a/a_test.go": "package a\n\n// time.Sleep\n", "a/a.txtar": "exec hb submit -- sleep 1\n"},
}
