// Package membership is a node's weak view of its cluster as one machine: the
// membership table, the failure detector, the spreading of news, anti-entropy,
// healing and leaving, composed, so that a node, the simulator and an
// experiment about detectors alone run the very same thing.
//
// The view is weak: each member has its own, they converge, and nobody votes.
// What must be agreed on goes through the log.
//
// # How evidence runs
//
// Everything that is said of a member, by a datagram's news, by a table from a
// stream or by this node's own detector, comes to learned (learn.go), which
// merges it. What changed is queued to be passed on, told to the detector, and
// shown. What changed nothing may still matter: one more accuser goes to the
// detector; a stale "alive" about a suspect is answered to its subject with the
// accusation (memberlist#311), since somebody has not heard of it; a stale
// accusation against this node is answered to its sender. What is said of this
// node itself is never merged but refuted, or ignored.
//
// # Where things are
//
//   - packet.go: what a datagram does, and what rides on each that leaves.
//   - reconcile.go: view hashes. A difference is settled over a stream
//     (tables.go): by sums of parts of the table first, so that few rows are
//     sent that the other has. A death learned from a table is taken for a
//     suspicion if this node has heard the member itself, because after a
//     partition each half holds the other dead. And whoever finds that three
//     members, chosen by chance, have its own view tells nobody any more who has
//     come: in a crowd of a thousand that saves four fifths of what is sent.
//   - heal.go: the dead are pinged now and then, so that halves find each other.
//   - leave.go: a departure is told until three members have acknowledged it.
//   - reach.go: an operator's probe; mesh.go: one of each member by each.
//   - steady.go: who is accused so often, though it refutes, that it is of no use.
//   - notes.go: two processes with one identity, two members with one name.
//
// # Without a cluster
//
// As long as the cluster's tag is zero, the machine probes nobody and answers
// nothing but an echo. The detector is made when the tag is set.
//
// # Bounds
//
// What strangers send can make the machine keep at most 256 remarks and the
// detector 256 relays. Members are trusted to be members: rows they send are
// kept, at most 72 hours after the member's death.
package membership
