//go:build race

package sim

// A world is one goroutine: the race detector makes it ten times slower and has
// little to find.
const defaultSeeds = 2
