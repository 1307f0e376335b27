package tidy

import (
	"go/ast"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// commandsRule: every command has a page and a script. commands/x.go is `hb x`
// and has man/hb-x.1; any other command declared in that file (a subcommand, a
// second name) stands in that page. Each is called by a script test.
var commandsRule = rule{
	name: "commands",
	why:  "a command without a man page is not found, and one without a script test changes behind the back of those who built on it",
	check: func(t *tree) (found []finding) {
		scripts := t.scripts()
		for _, f := range t.code("commands") {
			base := strings.TrimSuffix(path.Base(f.path), ".go")
			page, hasPage := t.texts["man/hb-"+base+".1"]
			for _, c := range commandsIn(f.ast) {
				switch {
				case c.name == base && !hasPage:
					found = append(found, t.at(f, c.node.Pos(), "hb %s has no man/hb-%s.1", c.name, base))
				case c.name != base && hasPage && !regexp.MustCompile(`\b`+c.name+`\b`).Match(page):
					found = append(found, t.at(f, c.node.Pos(), "hb %s is not in man/hb-%s.1", c.name, base))
				}
				if !regexp.MustCompile(`(?m)^[^#\n]*\bhb\b[^\n]* ` + c.name + `\b`).MatchString(scripts) {
					found = append(found, t.at(f, c.node.Pos(), "hb %s is called by no script test", c.name))
				}
			}
		}
		return found
	},
	bad: []fixture{
		{"commands/x.go": commandText, "man/hb-x.1": "x", "t.txtar": "# exec hb x\n"},
		{"commands/x.go": commandText, "t.txtar": "exec hb x\n"},
		{"commands/x.go": commandText + "var y = &cli.Command{Name: \"y\"}\n", "man/hb-x.1": "x", "t.txtar": "exec hb x\nexec hb x y\n"},
	},
	good: fixture{"commands/x.go": commandText + "var y = &cli.Command{Name: \"y\"}\n", "man/hb-x.1": "x and y", "t.txtar": "exec hb x\nexec hb x y\n"},
}

const commandText = "package commands\n\nimport \"github.com/urfave/cli/v2\"\n\nvar x = &cli.Command{Name: \"x\"}\n\n"

// scripts is the text of all script tests.
func (t *tree) scripts() string {
	var b strings.Builder
	for name, text := range t.texts {
		if ext := path.Ext(name); ext == ".txtar" || ext == ".txt" && strings.Contains(name, "testdata/") {
			b.Write(text)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// command is one cli.Command written out in the code.
type command struct {
	name string
	node ast.Node
}

func commandsIn(f *ast.File) (commands []command) {
	ast.Inspect(f, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		for _, e := range literal.Elts {
			pair, ok := e.(*ast.KeyValueExpr)
			if !ok || dotted(pair.Key) != "Name" {
				continue
			}
			value, ok := pair.Value.(*ast.BasicLit)
			// Elements of []*cli.Command{…} leave their own type out.
			if ok && (literal.Type == nil || dotted(literal.Type) == "cli.Command") {
				name, _ := strconv.Unquote(value.Value)
				commands = append(commands, command{name, literal})
			}
		}
		return true
	})
	return commands
}
