package tidy

import (
	"slices"
	"strings"
)

// reserved is a package that only some files may import.
type reserved struct {
	pkg   string   // it and all under it
	files []string // a file, or a directory that ends in "/"
	why   string
}

func reservedPackages() []reserved {
	return []reserved{
		{"hb/core/daemon", []string{"commands/node.go", "commands/demo.go", "scripts/cmd/bench/nothing.go", "core/daemon/"}, "client commands talk to control; only these run a node"},
		{"hb/core/sim", []string{"commands/simulate.go", "commands/simulate_balance.go", "commands/simulated_balance.go", "commands/simulated.go", "commands/simulated_plot.go", "core/sim/", "scripts/"}, "the simulator is no part of a node"},
		{"github.com/olekukonko/tablewriter", []string{"commands/render/"}, "how rows look is decided in one place"},
		{"golang.org/x/image", []string{"commands/chart/"}, "how figures look is decided in one place"},
		{"github.com/BurntSushi/toml", []string{"core/config/"}, "TOML becomes a checked Config in one place"},
		{"github.com/hashicorp/go-sockaddr", []string{"netutil/"}, "interfaces are chosen in one place"},
		{"go.etcd.io/raft", []string{"core/", "scripts/peers/", "scripts/cmd/bench/wal.go"}, "commands know of a leader and a log, not of raft"},
		{"pgregory.net/rapid", nil, "it is for tests"},
		{"github.com/rogpeppe/go-internal", nil, "it is for tests"},
		{"testing", []string{"core/detect/detecttest/", "core/alloctest/"}, "it is for tests"},
	}
}

// importersRule: some packages have one importer.
var importersRule = rule{
	name: "importers",
	why:  "a library with one importer can be replaced in one place, and does not weigh on those who need it not",
	check: func(t *tree) (found []finding) {
		for _, f := range t.pick(func(f *file) bool { return !f.test }) {
			for _, pkg := range f.imported() {
				for _, r := range reservedPackages() {
					if (pkg == r.pkg || strings.HasPrefix(pkg, r.pkg+"/")) && !r.allows(f.path) {
						found = append(found, t.at(f, t.importLine(f, pkg), "imports %s: %s", pkg, r.why))
					}
				}
			}
		}
		return found
	},
	bad: []fixture{
		{"commands/members.go": "package commands\n\nimport _ \"hb/core/daemon\"\n"},
		{"commands/node.go": "package commands\n\nimport _ \"hb/core/sim\"\n"},
		{"commands/members.go": "package commands\n\nimport _ \"github.com/olekukonko/tablewriter/tw\"\n"},
		{"core/node/a.go": "package node\n\nimport _ \"github.com/BurntSushi/toml\"\n"},
		{"core/node/a.go": "package node\n\nimport _ \"pgregory.net/rapid\"\n"},
	},
	good: fixture{
		"commands/node.go":      "package commands\n\nimport _ \"hb/core/daemon\"\n",
		"commands/node_test.go": "package commands\n\nimport _ \"testing\"\n",
		"core/config/a.go":      "package config\n\nimport _ \"github.com/BurntSushi/toml\"\n",
	},
}

func (r reserved) allows(path string) bool {
	return slices.ContainsFunc(r.files, func(place string) bool {
		return path == place || strings.HasSuffix(place, "/") && strings.HasPrefix(path, place)
	})
}
