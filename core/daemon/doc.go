// Package daemon drives one node on a real machine. There is no protocol in it:
// core/node decides everything, and this package carries events in and effects
// out.
//
//	daemon.go   Run: the order of start and end, and which effect goes where
//	start.go    options, and what can go wrong with each thing a node needs
//	loop.go     the one goroutine that owns the node
//	queue.go    how events reach it, and how things leave it
//	clients.go  requests of the local API
//	network.go  datagrams, beacons, streams (on netutil)
//	disk.go     the writer: group commit on core/store
//	tasks.go    attempts: Exec, Signal, Reap and their output
//	attempt.go  the life of one process; command.go how it begins
//	spool.go    the output of one attempt, in a file
//	proc.go     processes by /proc; load.go the machine's load
//
// # One loop
//
// The loop takes one event at a time, hands it to the node with the time, and
// carries out what the node wants, in that order. It never waits for anything
// but the next event: sockets are written without blocking, everything slower
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
// # Processes
//
// An attempt is a process with its own session and group, a clean environment
// and /dev/null to read. Its two pipes are read into the spool in the order in
// which output is seen. It ends when its process does: pipes that a child keeps
// open are read 200 ms longer. Until then the leader is not reaped, so that its
// group's number cannot become another's, and a signal never hits a stranger.
// If a signal was sent, what is left of the group then is killed; a child left
// behind by a task that ended by itself lives on, as under any shell.
//
// What an earlier run of the node left is found by process ID, start time and
// boot ID, or, where that was not noted any more, by HB_FENCE and HB_NODE_ID in
// the environment of processes. Both tell a reused number from the real one.
//
// When the node ends in order it first ends its tasks (core/node does that);
// what still runs then is killed, because nobody would be left to say how it
// ended.
//
// # Limits, and what is not here yet
//
// Tasks are children of the node itself, so they do not survive its restart;
// spools keep the first 64 MiB and drop the rest (Result.Truncated says so);
// the local socket is the owner's alone. Streams and datagrams are in the clear,
// which is why Run insists on loopback unless Options.Insecure is set.
package daemon
