// Package member is the membership table: one row for each node that this one
// has heard of, and the rule by which evidence about it is merged.
//
// # Precedence
//
// Evidence about a node is ordered by (instance, incarnation, status):
//
//   - instance counts the starts of the process, so a restarted node supersedes
//     its dead self at once;
//   - incarnation counts the refutations within one start; only the node itself
//     ever raises it (SWIM §4.2);
//   - at the same incarnation alive < suspect < dead < left.
//
// The greater evidence wins, the same or lesser changes nothing. So merging is
// commutative, associative and idempotent in what it decides: members that
// have seen the same evidence, in any order, any number of times, agree. SWIM
// lets a confirmed death override every incarnation; here the order is total,
// so that a member which was declared dead wrongly may still refute.
//
// Labels (name, address, version, tags, raft ID) belong to the incarnation
// with which they came. Evidence that brings none leaves them as they are.
//
// # Tombstones
//
// Rows of the dead and the left stay, so that late news of their life cannot
// revive them and so that a healed network finds its other half again. Forget
// drops them after some days. A tombstone that travels keeps its age, or every
// join would renew it.
//
// # In memory
//
// A row takes at most 64 bytes beside its labels (store.go), since every member
// keeps a row of every other. A laboratory, which runs many members in one
// process, lets their tables share a Base (base.go).
//
// # View hash
//
// Hash sums up which members live, in which instance and incarnation. It does
// not depend on the order of anything and is kept up to date row by row.
// Suspicion is left out, because it passes, and so are tombstones, because a
// newcomer need not have them.
package member
