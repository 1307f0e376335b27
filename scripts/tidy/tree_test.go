package tidy

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tree is a checkout, or a fixture that stands for one.
type tree struct {
	fset  *token.FileSet
	texts map[string][]byte // every text file by its path, "/" between parts
	files []*file           // the Go files among them, sorted by path
	info  map[string]*types.Info
	// imports finds the types of an imported package.
	imports types.Importer
}

// file is one Go file.
type file struct {
	path, dir string
	ast       *ast.File
	test      bool // its name ends in _test.go
	generated bool
}

// finding is one breach of a rule.
type finding struct {
	path string
	line int
	text string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.path, f.line, f.text) }

// at makes a finding at a node of a Go file.
func (t *tree) at(f *file, pos token.Pos, format string, args ...any) finding {
	return finding{f.path, t.fset.Position(pos).Line, fmt.Sprintf(format, args...)}
}

// newTree parses files given as text.
func newTree(texts map[string][]byte) (*tree, error) {
	t := &tree{fset: token.NewFileSet(), texts: texts, info: map[string]*types.Info{}, imports: importer.Default()}
	for name, text := range texts {
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		parsed, err := parser.ParseFile(t.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		t.files = append(t.files, &file{
			path: name, dir: path.Dir(name), ast: parsed,
			test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(parsed),
		})
	}
	slices.SortFunc(t.files, func(a, b *file) int { return strings.Compare(a.path, b.path) })
	return t, nil
}

// checkout reads the repository this test stands in.
func checkout(t *testing.T) *tree {
	t.Helper()
	root := filepath.Join("..", "..")
	texts := map[string][]byte{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || rel == "." {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" || rel != ".ci" && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || rel == ".git" { // a worktree has a file of that name
			return nil
		}
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody's editor was quicker
		}
		if bytes.IndexByte(text[:min(len(text), 8000)], 0) < 0 {
			texts[filepath.ToSlash(rel)] = text
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := newTree(texts)
	if err != nil {
		t.Fatal(err)
	}
	whole.imports = builtImports(t, root, whole.fset)
	return whole
}

// builtImports finds types in what the go command has built, which is quick
// when the build is fresh and right for every dependency.
func builtImports(t *testing.T, root string, fset *token.FileSet) types.Importer {
	t.Helper()
	list := exec.Command("go", "list", "-e", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "./core/...")
	list.Dir, list.Stderr = root, os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		pkg, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[pkg] = file
	}
	return importer.ForCompiler(fset, "gc", func(pkg string) (io.ReadCloser, error) {
		if exports[pkg] == "" {
			return nil, fmt.Errorf("%s is not built", pkg)
		}
		return os.Open(exports[pkg])
	})
}

// dirs lists every directory with Go files.
func (t *tree) dirs() []string {
	var dirs []string
	for _, f := range t.files {
		dirs = append(dirs, f.dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// code lists the hand-written files of a directory that are no tests.
func (t *tree) code(dir string) []*file {
	return t.pick(func(f *file) bool { return f.dir == dir && !f.test && !f.generated })
}

func (t *tree) pick(which func(*file) bool) []*file {
	var some []*file
	for _, f := range t.files {
		if which(f) {
			some = append(some, f)
		}
	}
	return some
}

// typed gives the types in a directory's code; an error when it does not build.
func (t *tree) typed(dir string) (*types.Info, error) {
	if info := t.info[dir]; info != nil {
		return info, nil
	}
	var parsed []*ast.File
	for _, f := range t.files {
		if f.dir == dir && !f.test {
			parsed = append(parsed, f.ast)
		}
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	if _, err := (&types.Config{Importer: t.imports}).Check("hb/"+dir, t.fset, parsed, info); err != nil {
		return nil, err
	}
	t.info[dir] = info
	return info, nil
}

// imported lists a file's imports by path, and by the name it uses for each.
func (f *file) imported() map[string]string {
	names := map[string]string{}
	for _, spec := range f.ast.Imports {
		pkg, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(pkg)
		if name == "v2" || name == "v3" {
			name = path.Base(path.Dir(pkg))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = pkg
	}
	return names
}

// importLine is where a file imports a package.
func (t *tree) importLine(f *file, pkg string) token.Pos {
	for _, spec := range f.ast.Imports {
		if spec.Path.Value == strconv.Quote(pkg) {
			return spec.Pos()
		}
	}
	return f.ast.Package
}

// selected calls see for each X.Y in a file where X is an imported package.
func (f *file) selected(see func(pkg string, sel *ast.SelectorExpr)) {
	names := f.imported()
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && names[x.Name] != "" {
				see(names[x.Name], sel)
			}
		}
		return true
	})
}
