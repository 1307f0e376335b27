// Package kinds is the one table of the failure detectors: by the name that
// [detector] kind has in a configuration. Nodes, laboratories and the command
// line take theirs from here.
package kinds

import (
	"slices"

	"hb/core/detect"
	"hb/core/detect/alltoall"
	"hb/core/detect/central"
	"hb/core/detect/gossip"
	around "hb/core/detect/ring"
	"hb/core/detect/swim"
)

// Default is the kind of a node that is told nothing else.
const Default = "swim"

// table is in the order in which the kinds are listed.
func table() []struct {
	name string
	make detect.Factory
} {
	return []struct {
		name string
		make detect.Factory
	}{
		{Default, swim.New},
		{"central", central.New},
		{"ring", around.NewUni},
		{"ring-bi", around.NewBi},
		{"all-to-all", alltoall.New},
		{"gossip", gossip.New},
	}
}

// Find gives the detector of a kind.
func Find(name string) (detect.Factory, bool) {
	for _, k := range table() {
		if k.name == name {
			return k.make, true
		}
	}
	return nil, false
}

// Names lists all kinds, the default first.
func Names() []string {
	var names []string
	for _, k := range table() {
		names = append(names, k.name)
	}
	return slices.Clip(names)
}
