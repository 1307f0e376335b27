// Package store keeps what a node must not forget: its identity, the
// write-ahead log of the consensus engine, snapshots of what the log means, and
// the journal of the tasks that run here.
package store
