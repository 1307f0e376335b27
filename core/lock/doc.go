// Package lock is cluster-wide locks: their leases, on both ends.
//
// Who has a lock, and who waits for it, stands in the ledger, so all members
// agree on it. But a client can vanish, and so can the machine it is on, and the
// ledger knows no time. So whoever has a lock has it for a time only, its lease,
// and has it renewed; this package is about that.
//
// # The client's end
//
// Behind the socket of a node there is a session for each client (Open). The
// machine puts its wish in the log, watches the ledger for the moment at which
// the session gets the lock, and asks the leader again and again to renew the
// leases of all sessions of this node, those that wait included. A yes counts
// for core.Lease from the moment of the question, however late the answer
// comes. The client is told until when it may go on (Held) each time that this
// gets later; the instant is the machine's own (CLOCK_BOOTTIME), so that the
// client, a process of the same machine, can end its child in time by itself if
// the node is paused or gone; should the client be stopped, too, a timer of the
// kernel's on that clock ends it. What it does after that instant it does
// without a lock, and is told so (Lost).
//
// When a client goes away (Close) its session is ended at once. A session of
// this node in the ledger that no client is behind, after a restart or because
// a message was lost, is ended after strayAfter: a client that is still there
// comes back to its session within that time.
//
// # The leader's end
//
// The leader renews (Renew) what is in its ledger, after a quorum has confirmed,
// later than the question, that it leads. It ends a session that was not renewed
// for core.Lease and core.LeaseGrace. A new leader does not know what its
// predecessor renewed; that was before it led, so it counts from then.
//
// # What this promises, and what not
//
// Two clients never both believe at one moment to have one lock, as long as
// their clocks' rates agree within LeaseGrace a Lease. A machine that is suspended
// as a whole between looking at the time and acting cannot be helped by any lease:
// for that there is the fence, a number that rises with every holder, by which
// the thing that the lock protects can refuse who is late (Gray and Cheriton,
// "Leases", 1989; Burrows, "The Chubby lock service", 2006, section 2.4).
//
// # Leadership as a lock
//
// A session with Leader is for `hb leader run`: it wants a lock of a reserved
// name, which sessions behind the same node share, and only while this node
// leads. When the node is deposed it is lost at once. A new leader's clients wait
// until those of the old one have let go or their leases are over.
package lock
