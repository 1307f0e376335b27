package tidy

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mapFile is the file whose comment is the map of the house.
const mapFile = "core/doc.go"

// above is the rank of everything that stands above the floors.
const above = 9

// netutil holds sockets and interfaces, for the drivers and the local API: it
// imports nothing of hb, and no protocol may touch it.
const netutil = "netutil"

// houseMap is what the comment of core/doc.go says.
type houseMap struct {
	floor    map[string]int      // by directory under core ("detect"), or "core" itself
	sideways map[string][]string // importer → imported, both as written
	paths    map[string]int      // files named under "Where to look", with their line
	lines    map[string]int      // where each room is named
}

var (
	roomLine     = regexp.MustCompile(`^//\t(?:floor (\d)|(above))?\s+([a-z/]+)\s\s+\S`)
	sidewaysLine = regexp.MustCompile(`^//\t([a-z/]+)\s+→ ([a-z/]+(?:, [a-z/]+)*)\s\s+\S`)
	pathWord     = regexp.MustCompile(`\b[a-z]+(?:/[a-z_]+)*\.go\b`)
)

// readMap reads the comment line by line: rooms with their floor, the table of
// sideways imports (each with its reason, or it does not count), and the files
// that the comment sends people to.
func readMap(text string) houseMap {
	m := houseMap{floor: map[string]int{}, sideways: map[string][]string{}, paths: map[string]int{}, lines: map[string]int{}}
	floor := -1
	for i, line := range strings.Split(text, "\n") {
		if s := sidewaysLine.FindStringSubmatch(line); s != nil {
			m.sideways[s[1]] = append(m.sideways[s[1]], strings.Split(s[2], ", ")...)
			continue
		}
		if s := roomLine.FindStringSubmatch(line); s != nil {
			switch {
			case s[1] != "":
				floor, _ = strconv.Atoi(s[1])
			case s[2] != "":
				floor = above
			}
			m.floor[s[3]], m.lines[s[3]] = floor, i+1
			continue
		}
		for _, p := range pathWord.FindAllString(line, -1) {
			if !strings.HasPrefix(p, "commands/x") {
				m.paths[p] = i + 1
			}
		}
	}
	return m
}

func (t *tree) houseMap() houseMap { return readMap(string(t.texts[mapFile])) }

// room is the name on the map of a directory, and its floor; not ok when the
// map does not have it. A room's inner rooms are on its floor.
func (m houseMap) room(dir string) (name string, floor int, ok bool) {
	if dir == "." || dir == "scripts" || strings.HasPrefix(dir, "scripts/") || strings.HasPrefix(dir, "commands/") {
		return dir, above, true
	}
	name = strings.TrimPrefix(dir, "core/")
	for inner := name; ; inner = path.Dir(inner) {
		if floor, ok := m.floor[inner]; ok {
			return name, floor, true
		}
		if !strings.Contains(inner, "/") {
			return name, 0, false
		}
	}
}

// floorsRule: imports point down.
var floorsRule = rule{
	name: "floors",
	why:  "imports point down and sideways only where the table in core/doc.go says so: that keeps the protocols free of the drivers, and lets one read a part without the rest",
	check: func(t *tree) (found []finding) {
		m := t.houseMap()
		for _, f := range t.files {
			from, floor, ok := m.room(f.dir)
			if !ok {
				found = append(found, t.at(f, f.ast.Package, "%s is not on the map in %s", f.dir, mapFile))
				continue
			}
			for _, pkg := range f.imported() {
				if dir, ok := strings.CutPrefix(pkg, "hb/"); ok && dir != f.dir {
					if problem := m.mayImport(from, floor, dir, f.test); problem != "" {
						found = append(found, t.at(f, t.importLine(f, pkg), "%s", problem))
					}
				}
			}
		}
		return found
	},
	bad: []fixture{
		{mapFile: mapText, "core/low/a.go": "package low\n\nimport _ \"hb/core/high\"\n"},
		{mapFile: mapText, "core/low/a_test.go": "package low\n\nimport _ \"hb/core/high\"\n"},
		{mapFile: mapText, "core/side/a.go": "package side\n\nimport _ \"hb/core/low\"\n"},
		{mapFile: mapText, "core/unheard/a.go": "package unheard\n"},
		{mapFile: mapText, "core/low/a.go": "package low\n\nimport _ \"hb/netutil\"\n"},
		{mapFile: mapText, "netutil/a.go": "package netutil\n\nimport _ \"hb/core\"\n"},
		{mapFile: mapText, "commands/render/a.go": "package render\n\nimport _ \"hb/commands\"\n"},
	},
	good: fixture{mapFile: mapText,
		"core/low/a.go":       "package low\n\nimport (\n_ \"hb/core\"\n_ \"hb/core/side\"\n)\n",
		"core/side/a_test.go": "package side\n\nimport _ \"hb/core/low\"\n",
		"core/high/a.go":      "package high\n\nimport (\n_ \"hb/core/low\"\n_ \"hb/netutil\"\n_ \"hb/core/high/inner\"\n)\n",
		"commands/a.go":       "package commands\n\nimport (\n_ \"hb/commands/render\"\n_ \"hb/core/high\"\n)\n",
		"main.go":             "package main\n\nimport _ \"hb/commands\"\n",
	},
}

// mayImport says what is wrong with an import, if anything. Tests may look
// sideways, never up.
func (m houseMap) mayImport(from string, floor int, dir string, test bool) string {
	to, toFloor, ok := m.room(dir)
	switch {
	case !ok:
		return dir + " is not on the map in " + mapFile
	case from == netutil:
		return "netutil knows nothing of the rest, but imports " + to
	case to == netutil && floor >= 3:
		return ""
	case to == netutil:
		return from + " is a protocol and imports sockets (netutil)"
	case floor == above && (strings.HasPrefix(to, from+"/") || from == "." || strings.HasPrefix(from, "scripts/")):
		return ""
	case toFloor > floor:
		return from + " imports upward: " + to
	case toFloor < floor || strings.HasPrefix(to, from+"/") && floor >= 3 || test && floor != above:
		return ""
	case slices.Contains(m.sideways[from], to):
		return ""
	}
	return from + " imports sideways: " + to + " (not in the table of " + mapFile + ")"
}

// mapRule: the map shows what is there.
var mapRule = rule{
	name: "map",
	why:  "a map that shows rooms or files which are not there sends newcomers nowhere",
	check: func(t *tree) (found []finding) {
		m, dirs := t.houseMap(), t.dirs()
		for room, line := range m.lines {
			if !slices.Contains(dirs, room) && !slices.Contains(dirs, "core/"+room) {
				found = append(found, finding{mapFile, line, room + " is on the map but has no Go files"})
			}
		}
		for name, line := range m.paths {
			if t.texts[name] == nil && t.texts["core/"+name] == nil {
				found = append(found, finding{mapFile, line, name + " is named on the map but is not there"})
			}
		}
		return found
	},
	bad: []fixture{
		{mapFile: "//\tfloor 0   core     IDs\n//\t          wire     bytes\npackage core\n"},
		{mapFile: "//\tfloor 0   core     IDs\n//\n// Look at core/lost.go.\npackage core\n"},
	},
	good: fixture{mapFile: "//\tfloor 0   core     IDs\n//\n// `hb X` is commands/x.go; look at doc.go.\npackage core\n"},
}

// mapText is the map of the fixtures.
const mapText = `// Package core is a map.
//
//	floor 0   core        IDs
//	floor 1   low         a protocol
//	          side        another
//	floor 3   high        a driver
//	above     commands    commands
//	          netutil     sockets
//
//	low       → side      it needs it
//	side      → low
package core
`
