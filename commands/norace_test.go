//go:build !race

package commands

// underRace says that each process of a script starts about ten times slower
// than the program itself would.
const underRace = false
