// Package daemon drives one node on a real machine. There is no protocol in it:
// core/node decides everything, and this package carries events in and effects
// out.
//
//	daemon.go   Run: the order of start and end, and which effect goes where
//	start.go    options, and what can go wrong with each thing a node needs
//	loop.go     the one goroutine that owns the node
//	queue.go    how events reach it, and how things leave it
//	clients.go  requests of the local API
//	figures.go  what is counted, for Prometheus
//	access.go   who may make them
//	socket.go   where they are made, and the group that it belongs to
//	credentials.go who this node is to others, and they to it
//	notary.go   the authority's key, on a voter, and what is signed with it
//	door.go     machines that want in
//	notify.go   how the node fares, for the service manager
//	reload.go   the configuration, read again
//	network.go  datagrams, beacons, streams (on netutil)
//	disk.go     the writer: group commit on core/store
//	nothing.go  what stands for tasks where only the rest is measured
//	tasks.go    attempts and their output: the runner process
//	definitions.go which tasks may run here, as whom, with which limits
//	environment.go what a task finds in its environment
//	proc.go     processor time of processes; load.go the machine's load
//
// # One loop
//
// The loop takes one event at a time, hands it to the node with the time, and
// carries out what the node wants, in that order. It never waits for anything
// but the next event: sockets are written without blocking, once for all that a
// few events have brought forth (netutil.Pool.Flush); everything slower
// goes through a mailbox to a goroutine of its own. So nothing that the node
// owns is behind a lock, and a stuck disk, peer, client or log holds up only
// itself.
//
// Events come over one bounded queue. When it is full, whoever can be held up
// is (streams, clients, the disk's own reports), and datagrams are dropped, as
// an overloaded network would.
//
// A tick comes at Node.Next. Mail that was there before it is read first: a
// process that was paused, or whose machine was, must not judge others by the
// silence of its own ears. Go's timers stand still during a suspend while the
// node's clock goes on (CLOCK_BOOTTIME); no sleep is longer than five seconds.
//
// # Group commit
//
// The writer takes all that has queued up, writes the records of all Appends as
// one frame, syncs once, and reports the highest sequence number: under load
// the number of syncs does not grow with the number of entries. The runner's
// journal goes the same way behind it. Snapshots, the identity and SetAside
// find everything before them on disk. An error of the disk ends the node with
// one line; a full disk is waited for, and the node sees a disk that takes long.
//
// # Tasks
//
// Tasks are run by the runner process (core/runnerd), which outlives this one.
// With its first step, and whenever that process was lost, the node names the
// attempts that it believes to be there (node.Adopt), and a session begins: what
// the node said before counts no more. keep finds the process, or starts one,
// and brings what it says; what the node says meanwhile waits.
//
// When the node ends in order it first ends its tasks (core/node does that), and
// then the runner process; not when it is only started again (ErrRestart), or
// because it cannot go on: then its tasks are left to the next start.
//
// # Limits, and what is not here yet
//
// Datagrams are in the clear, and streams, too, without credentials, which is why
// Run insists on loopback then.
package daemon
