// Package supervise decides, inside the runner process, how long the tasks of a
// node may run.
//
// The processes of tasks must outlive the daemon that wants them: it may crash,
// be upgraded, or be paused. So they belong to a process that does hardly
// anything, the runner process, and what has to happen in time even without a
// daemon is decided there, by this machine:
//
//	the time limit     counted from the start; SIGTERM, KillAfter later SIGKILL
//	a wish to end it   SIGTERM, SIGKILL after the grace that came with the wish
//	its lease          SIGKILL when it is over, again and again until it is gone
//	no daemon          see below
//
// The first of them is what the result says: timed out, cancelled, or lost.
//
// # Begun here
//
// Of short tasks the daemon gives more than may run at once (Exec.Abreast): the next
// begins as soon as there is room, and nobody has to hear of it before. They begin in
// the order in which they came. What has not begun can be taken back (Recall), and is
// taken back when a new daemon comes, or when this process ends: it is told so
// (TellUnbegun), and may begin elsewhere. Without a daemon it begins all the same.
// As long as something waits, ends are gathered, for endsFor.
//
// # Ends are kept
//
// How an attempt ended is told to the daemon, and kept until the daemon says
// that it has it on disk (Release). So it is not lost with a daemon that dies.
//
// That an attempt runs is told only of one that has run for tellAfter: by the time
// that most short tasks end nobody has asked. What ends them all the same, should
// this process die before, is found as if the daemon had just crashed (HB_FENCE).
//
// # A new daemon
//
// A daemon that comes names every attempt that it believes to be here (Adopt).
// It is told of each that it runs, how it ended, or that nothing of it is here
// any more; the last only after everything that an earlier runner process may
// have left of it was ended (Reap). What it does not name is nobody's: it is
// ended, and its end told to nobody. The same attempt may be begun, named and
// released again and again; only the first time counts.
//
// # No daemon
//
// Without a daemon the attempts go on for Options.Linger; then all are ended,
// and the process with them. Without attempts, or for its first daemon, it waits
// only IdleLinger. If the
// data directory is gone (Homeless), nobody will ever come: everything ends at
// once.
//
// The end of the machine (Stop) gives every attempt StopGrace.
package supervise
