// Package replog is election and log as one machine: who leads, what is agreed
// in which order, who votes, and how everybody else gets to know.
//
// # Intuition
//
// A few members, the voters (1, 3, 5 or 7), agree by Raft on one sequence of
// entries; every other member follows that sequence without being asked. So an
// entry costs the leader the same in a cluster of five and of five thousand.
//
// The consensus itself is not ours: it is go.etcd.io/raft/v3, stepped as a
// RawNode with asynchronous storage writes, pre-votes and quorum checks. This
// package is what stands around it: the promise that nothing is said before it
// is on disk (disk.go), the log's end in memory (tail.go), reads (reads.go), the
// choice of voters (voters.go), what makes a new election faster or a leader
// unfit (failover.go), a log whose end was torn (doubt.go), and the log of those
// who do not vote (follow.go, serve.go).
//
// # The three lives of a member
//
// A joiner has nothing and runs no engine. It hears from heartbeats how far
// others have committed, pulls what it lacks from any of them, puts it on its own
// disk, and applies it. Since all it takes is committed, it can believe anybody.
//
// When the log that it follows names it a learner, it starts its engine from
// there: the leader now feeds it, and when it has caught up it is made a voter.
// Voters take entries from the leader alone, because theirs need not be
// committed yet.
//
// When the log names it no more, it drops what was not committed, stops the
// engine, and follows again. It keeps its raft ID and its hard state (term and
// vote): what it promised under that ID stays promised. A voter that was
// replaced while it was away cannot learn this from any leader; so one that no
// leader has talked to for twelve ticks while others say that more is committed
// goes astray for a moment: it follows until it is level, without forgetting
// uncommitted entries (it may have acknowledged them), and looks what it is.
//
// # Promises and the disk
//
// An Append carries entries and hard state together. Votes and acknowledgements
// that rest on it wait inside this package until Synced; messages that promise
// nothing, above all the leader's own appends to the others, leave at once, so
// that all disks work at the same time. The commit index is no promise and rides
// on the next Append, at the latest on a tick.
//
// # Voters
//
// The leader keeps their number at the largest odd one that neither the target
// nor the members forbid, since an even number survives no more losses than the
// odd one below it. Growth from one to three is one joint step, so there is no
// moment with two. A voter that was down for ten seconds is replaced by a member
// that was up as long, in one joint step, but never just removed. One that has
// left is replaced at once, or removed when nobody can take its place. A leader
// that leaves hands over first and never removes itself (yield.go).
//
// People may wish for more: a promoted member takes the place of a voter without
// a wish, once it has been up for ten seconds; a demoted voter gives its place to
// the next candidate, but keeps it while there is none, unless that was asked
// for, too. Standings says of each what is about to happen, and why.
//
// # Time
//
// Everything counts ticks of 130 ms, at a random phase, and sleeps through a
// suspend: time that passed unseen is no evidence against a leader. The engine
// draws its election jitter (five to nine ticks) from crypto/rand.Reader, which the
// simulator replaces.
//
// # Limits, admitted
//
// A snapshot goes to a voter far behind in one message (at most 32 MiB by
// default; pages to followers are pieces of any number). A follower believes
// that a page is committed because an authenticated member says so. The engine
// panics when a voter breaks Raft's invariants; bad input from anybody is
// dropped before it gets there as far as one message can show it.
//
// Sources: Ongaro, Consensus: Bridging Theory and Practice (2014), chapters 3, 4,
// 6 and 9; the engine's documentation on asynchronous storage writes;
// etcd-io/etcd#20426 on restarts behind a snapshot.
package replog
