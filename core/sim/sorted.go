package sim

import (
	"cmp"
	"maps"
	"slices"
)

// sortedKeys are the keys of a map, in order: nothing that happens may depend on
// the order of a map.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
