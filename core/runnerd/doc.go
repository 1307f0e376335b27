// Package runnerd is the runner process: the one process that forks all tasks of
// a node, keeps their output, and learns how they end. It outlives the daemon.
//
//	runner.go   Serve: the one goroutine that owns the supervisor
//	socket.go   how a daemon finds it, and what the two say to each other
//	fork.go     a process, from its fork to its end
//	command.go  what is forked: the command, its environment, its directory, its user
//	limits.go   what it may use
//	attempt.go  the life of one process
//	outlet.go   what it writes
//	family.go   everything that belongs to an attempt, however it hides
//	cgroup.go   the same, where the kernel keeps count
//	spool.go    the output of one attempt, in files; segments.go
//	proc.go     processes by /proc
//
// What must be decided, core/supervise decides; this package carries out, for
// the daemon and for the supervisor.
//
// # One for each data directory
//
// The process holds a lock on runner.lock in the data directory for as long as
// it lives, and listens on runner.sock beside it. A daemon that starts connects;
// if nobody listens, it starts one. The newest daemon is the one that counts.
// Before it serves, it ends everything that an earlier one may have left in its
// cgroups.
//
// # Processes
//
// An attempt is a process with its own session and group, a clean environment
// and /dev/null to read. Its two pipes are read into the spool in the order in
// which output is seen; of one that ends within watchAfter, first all of stdout.
//
// It ends when its process does: whatever it has started and left behind is ended
// then, too, after 200 ms if that still writes. Until then the leader is not reaped,
// so that its group's number cannot become another's, and a signal never hits a
// stranger. Nor does its cgroup become another's while a signal may be on its way.
//
// No attempt gains privileges by what it executes (no_new_privs). Whom it runs as
// and what it may use, the daemon says (RunnerExec); its limits are its cgroup's
// where that has the controllers. Limits of single processes cannot be given to
// one that another program makes, so such an attempt begins as this program, which
// limits itself and then executes the command: about two milliseconds more.
//
// To find what a task has left behind there are three ways. Where cgroup v2 can
// be written, every attempt is born in a cgroup of its own, and nothing gets out
// of it. Everywhere, this process is the subreaper: what loses its parent
// becomes its child, and is told apart by its session, or by its HB_FENCE; what
// has neither is ended when all attempts are over that ran when it came.
//
// If this process itself is killed, the kernel kills the leaders with it (their
// parent-death signal); the next one ends the rest by its cgroups, by process
// ID, start time and boot ID, or by HB_FENCE and HB_NODE_ID in the environment.
// All of these tell a reused number from the real one.
package runnerd
