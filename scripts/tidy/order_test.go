package tidy

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// orderRule: no effect of a machine depends on the order of a map. A loop over
// a map is accepted when its body only collects into a slice that the same
// function sorts afterwards (slices.Sort…, sort…), fills other maps, deletes,
// counts, or takes the least or greatest; any other must say in a comment why
// the order does not matter, with the word "order".
var orderRule = rule{
	name: "map order",
	why:  "Go shuffles maps, so a loop over one gives another order at each run and a seed does not replay; sort the keys (slices.Sorted(maps.Keys(m))), or say in a comment on the loop why the order does not matter",
	check: func(t *tree) (found []finding) {
		m := t.houseMap()
		for _, dir := range t.dirs() {
			if !m.isPure(dir) || len(t.code(dir)) == 0 {
				continue
			}
			info, err := t.typed(dir)
			if err != nil {
				found = append(found, finding{dir, 1, untyped + err.Error()})
				continue
			}
			for _, f := range t.code(dir) {
				found = append(found, t.unordered(f, info)...)
			}
		}
		return found
	},
	bad: orderFixtures(
		"func f(m map[int]int) (n int) { for k := range m { n = k }; return n }",
		"func f(m map[int]int) (s []int) { for k := range m { s = append(s, k) }; return s }",
		"func f(m map[int]int) (s []int) { slices.Sort(s); for k := range m { s = append(s, k) }; return s }",
		"func f(m map[int]float64) (x float64) { for _, v := range m { x += v }; return x }",
		"func f(m map[int]int) (n int) { for k := range m { n = max(k, 1) }; return n }",
		"type set map[int]bool\n\nfunc f(m set, g func(int)) { for k := range m { g(k) } }",
		"func f(m map[int]int) []int { return slices.Collect(maps.Keys(m)) }",
		"func f(m map[int]int, g func(int)) { for k := range maps.Keys(m) { g(k) } }",
	),
	good: fixture{mapFile: mapText, "core/low/a.go": "package low\n\nimport (\n\"maps\"\n\"slices\"\n)\n\n" +
		"func f(m map[int]int, n map[int]int, s []int) (all []int, sum int) {\n" +
		"for _, k := range s { all = append(all, k) }\n" +
		"for k := range m { all = append(all, k) }\nslices.Sort(all)\n" +
		"for k, v := range m { if v == 0 { delete(m, k) }; n[k] = v }\n" +
		"// Any will do, in any order.\nfor _, v := range m { sum = v }\n" +
		"for _, v := range m { sum += v; sum = max(v, sum); sum++ }\n" +
		"for _, k := range slices.Sorted(maps.Keys(m)) { all = append(all, k) }\nreturn all, sum }\n",
		"core/high/a.go": "package high\n\nfunc f(m map[int]int, g func(int)) { for k := range m { g(k) } }\n"},
}

// untyped begins the finding about a package that does not build.
const untyped = "cannot be typed: "

func orderFixtures(pieces ...string) (fixtures []fixture) {
	for _, p := range pieces {
		fixtures = append(fixtures, fixture{mapFile: mapText,
			"core/low/a.go": "package low\n\nimport (\n\"maps\"\n\"slices\"\n)\n\nvar _, _ = maps.Keys[map[int]int], slices.Sort[[]int]\n\n" + p + "\n"})
	}
	return fixtures
}

func (t *tree) unordered(f *file, info *types.Info) (found []finding) {
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		sorted := sortedAt(fn)
		harmless := orderlessCalls(f, fn)
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.RangeStmt:
				if isMap(info.TypeOf(n.X)) && !t.saysOrder(f, n) && !bodyIsOrderless(n, sorted, info) {
					found = append(found, t.at(f, n.Pos(), "loops over a map in no order"))
				}
			case *ast.CallExpr:
				if isMapWalk(f, n) && !harmless[n] && !t.saysOrder(f, n) {
					found = append(found, t.at(f, n.Pos(), "takes keys or values of a map in no order"))
				}
			}
			return true
		})
	}
	return found
}

func isMap(t types.Type) bool {
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}

// saysOrder looks for a comment with the word "order" on the node's lines or
// right above it.
func (t *tree) saysOrder(f *file, n ast.Node) bool {
	from, to := t.fset.Position(n.Pos()).Line-1, t.fset.Position(n.End()).Line
	for _, group := range f.ast.Comments {
		begin, end := t.fset.Position(group.Pos()).Line, t.fset.Position(group.End()).Line
		if end >= from && begin <= to && strings.Contains(strings.ToLower(group.Text()), "order") {
			return true
		}
	}
	return false
}

// sortedAt says where a function last sorts each slice.
func sortedAt(fn *ast.FuncDecl) map[string]token.Pos {
	at := map[string]token.Pos{}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		name := dotted(call.Fun)
		if strings.HasPrefix(name, "sort") || strings.HasPrefix(name, "slices.Sort") {
			at[dotted(call.Args[0])] = call.Pos()
		}
		return true
	})
	return at
}

// bodyIsOrderless recognises bodies whose outcome is the same in every order.
func bodyIsOrderless(loop *ast.RangeStmt, sorted map[string]token.Pos, info *types.Info) bool {
	var orderless func(s ast.Stmt) bool
	orderless = func(s ast.Stmt) bool {
		switch s := s.(type) {
		case *ast.BlockStmt:
			return !slices.ContainsFunc(s.List, func(s ast.Stmt) bool { return !orderless(s) })
		case *ast.IfStmt:
			return s.Else == nil && (s.Init == nil || isDefine(s.Init)) && orderless(s.Body)
		case *ast.BranchStmt:
			return s.Tok == token.CONTINUE
		case *ast.ExprStmt:
			call, ok := s.X.(*ast.CallExpr)
			return ok && dotted(call.Fun) == "delete"
		case *ast.AssignStmt:
			return isDefine(s) || fillsMap(s, loop) || collects(s, loop, sorted) || folds(s, info)
		case *ast.IncDecStmt:
			return true
		}
		return false
	}
	return orderless(loop.Body)
}

func isDefine(s ast.Stmt) bool {
	assign, ok := s.(*ast.AssignStmt)
	return ok && assign.Tok == token.DEFINE
}

// fillsMap is m[k] = …, where k is the loop's own key: each place is written once.
func fillsMap(s *ast.AssignStmt, loop *ast.RangeStmt) bool {
	index, ok := s.Lhs[0].(*ast.IndexExpr)
	return ok && len(s.Lhs) == 1 && loop.Key != nil && dotted(index.Index) == dotted(loop.Key)
}

// collects is x = append(x, …), where x is sorted after the loop.
func collects(s *ast.AssignStmt, loop *ast.RangeStmt, sorted map[string]token.Pos) bool {
	if len(s.Lhs) != 1 || len(s.Rhs) != 1 {
		return false
	}
	call, ok := s.Rhs[0].(*ast.CallExpr)
	return ok && dotted(call.Fun) == "append" && sorted[dotted(s.Lhs[0])] > loop.End()
}

// folds is x += n of whole numbers (a sum of floats depends on its order), or
// x = max(x, …) and the like.
func folds(s *ast.AssignStmt, info *types.Info) bool {
	if len(s.Lhs) != 1 || len(s.Rhs) != 1 {
		return false
	}
	if s.Tok == token.ADD_ASSIGN {
		basic, ok := info.TypeOf(s.Lhs[0]).Underlying().(*types.Basic)
		return ok && basic.Info()&types.IsInteger != 0
	}
	call, ok := s.Rhs[0].(*ast.CallExpr)
	return ok && slices.Contains([]string{"min", "max", "core.Earlier"}, dotted(call.Fun)) &&
		slices.ContainsFunc(call.Args, func(e ast.Expr) bool { return dotted(e) != "" && dotted(e) == dotted(s.Lhs[0]) })
}

// isMapWalk is a call of maps.Keys, Values or All.
func isMapWalk(f *file, call *ast.CallExpr) bool {
	switch dotted(call.Fun) {
	case "maps.Keys", "maps.Values", "maps.All":
		return f.imported()["maps"] == "maps"
	}
	return false
}

// orderlessCalls are the walks whose order is lost at once: sorted, or put into
// another map.
func orderlessCalls(f *file, fn *ast.FuncDecl) map[*ast.CallExpr]bool {
	harmless := map[*ast.CallExpr]bool{}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		outer, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		name := dotted(outer.Fun)
		if !strings.HasPrefix(name, "slices.Sorted") && name != "maps.Collect" && name != "maps.Insert" {
			return true
		}
		for _, arg := range outer.Args {
			if call, ok := arg.(*ast.CallExpr); ok && isMapWalk(f, call) {
				harmless[call] = true
			}
		}
		return true
	})
	return harmless
}
