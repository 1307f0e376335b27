// Package tidy holds the rules of the house as tests: which floor may import
// which, what a protocol may not touch, what must be documented or tested.
// `go test ./scripts/tidy` reads the whole tree and says of each breach where
// it is, which rule it breaks and why there is such a rule.
//
// The floors are not written here a second time: they are read from the
// comment of core/doc.go, which is the map people read, so that map and check
// cannot drift apart. Whoever needs another sideways import adds it to the
// table there, with its reason.
//
// Every rule comes with small fixtures, trees that break it and one that does
// not, and a test that it tells them apart: a rule that cannot fail protects
// nothing. A new rule is one row in rules (tidy_test.go), one check and its
// fixtures beside it.
package tidy
