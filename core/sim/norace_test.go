//go:build !race

package sim

// scripts/test runs fifty in a step of its own.
const defaultSeeds = 8
