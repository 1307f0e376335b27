//go:build race

package store

// stride leaves out most bits: nothing here runs at the same time as anything
// else, and the detector makes every step ten times slower.
const stride = 17
