package tidy

import (
	"go/ast"
	"strings"
)

// configFile declares Config, its sections and their keys.
const configFile = "core/config/config.go"

// configRule: every key of hb.toml does something.
var configRule = rule{
	name: "keys have an effect",
	why:  "a key that is read, checked, documented and then ignored lies to whoever sets it",
	check: func(t *tree) (found []finding) {
		var used strings.Builder
		for _, f := range t.pick(func(f *file) bool { return !f.test && f.dir != "core/config" }) {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					used.WriteString(dotted(sel) + "\n")
				}
				return true
			})
		}
		for _, f := range t.pick(func(f *file) bool { return f.path == configFile }) {
			sections := fieldsOf(f.ast, "Config")
			for _, section := range sections {
				for _, key := range fieldsOf(f.ast, section.Name) {
					if path := "." + section.Name + "." + key.Name; !strings.Contains(used.String(), path+"\n") {
						found = append(found, t.at(f, key.Pos(), "nothing outside core/config uses %s", path[1:]))
					}
				}
			}
		}
		return found
	},
	bad: []fixture{
		{configFile: configText, "a/a.go": "package a\n\nvar x = c.S.A\n"},
		{configFile: configText, "a/a.go": "package a\n\nvar x = c.S.A\n", "a/a_test.go": "package a\n\nvar y = c.S.B\n"},
	},
	good: fixture{configFile: configText, "a/a.go": "package a\n\nvar x, y = c.S.A, c.conf.S.B\n"},
}

const configText = "package config\n\ntype Config struct {\n\tS S\n}\n\ntype S struct {\n\tA, B int\n}\n"

// fieldsOf lists the names of the fields of a struct that a file declares.
func fieldsOf(f *ast.File, name string) (fields []*ast.Ident) {
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == name {
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					fields = append(fields, field.Names...)
				}
			}
		}
		return true
	})
	return fields
}
