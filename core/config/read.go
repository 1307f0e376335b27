package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tree holds everything in a file against the table.
func (r *reader) tree(tree map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if r.full() {
			return
		}
		values, isTable := tree[name].(map[string]any)
		switch known := slices.ContainsFunc(sections(), func(s section) bool { return s.name == name }); {
		case name == tasksSection && isTable:
			r.taskSections(values)
		case known && isTable:
			r.rows(name, keysOf(name), values)
		case known:
			r.report(name, "is "+describe(tree[name]), fmt.Sprintf("a heading [%s], once", name))
		case isTable:
			r.report(name, "no such section", suggest(name, sectionNames(), "[%s]"))
		default:
			r.report(name, "stands outside any section", homeOf(name))
		}
	}
}

// rows holds what stands under a heading against the rows of its keys.
func (r *reader) rows(section string, rows []key, values map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if r.full() {
			return
		}
		path := section + "." + name
		at := slices.IndexFunc(rows, func(k key) bool { return k.name == name })
		if at < 0 {
			r.report(path, "no such key", unknown(rows, name))
			continue
		}
		k := rows[at]
		words, problem := k.words(values[name])
		if problem == "" {
			problem = k.put(r.config, words)
		}
		if problem != "" {
			r.report(path, problem, k.want)
		}
	}
}

func (r *reader) report(path, problem, want string) {
	at := r.places[path]
	r.findings = append(r.findings, Finding{r.file, at.line, at.col, path, problem, want})
}

func sectionNames() []string {
	var names []string
	for _, s := range sections() {
		names = append(names, s.name)
	}
	return names
}

// keyNames are the names of rows.
func keyNames(rows []key) []string {
	var names []string
	for _, k := range rows {
		names = append(names, k.name)
	}
	return names
}

// suggest answers an unknown word with the nearest known one, else with all.
func suggest(word string, known []string, format string) string {
	if near, ok := nearest(word, known); ok {
		return "did you mean " + fmt.Sprintf(format, near) + "?"
	}
	all := make([]string, len(known))
	for i, k := range known {
		all[i] = fmt.Sprintf(format, k)
	}
	return "known: " + strings.Join(all, ", ")
}

// unknown answers a key that its section does not have: it may be one of
// another section, or misspelt.
func unknown(rows []key, name string) string {
	for _, k := range keys() {
		if k.name == name {
			return homeOf(name)
		}
	}
	return suggest(name, keyNames(rows), "%s")
}

// homeOf says under which headings a key belongs.
func homeOf(name string) string {
	var homes []string
	for _, k := range keys() {
		if k.name == name {
			homes = append(homes, "["+k.section+"]")
		}
	}
	if homes == nil {
		return suggest(name, keyNames(keys()), "%s")
	}
	return "a place under " + strings.Join(homes, " or ")
}
