// Package membership is a node's weak view of its cluster as one machine: the
// membership table, the failure detector, the spreading of news, anti-entropy,
// healing and leaving, composed, so that a node, the simulator and an
// experiment about detectors alone run the very same thing.
//
// The view is weak: each member has its own, they converge, and nobody votes.
// What must be agreed on goes through the log.
package membership
