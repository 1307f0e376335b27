// Package runner is the life of the tasks on this machine: from a grant of the
// log to a result in the log, through crashes, without running a grant twice.
//
// # The journal comes first
//
// A fence, the token of a grant, is run at most once. Two rules make it so,
// and each is a record in the runner's own journal:
//
//	grant → Intent, synced → a slot → Exec → Started, written
//	      → the process ends → Ended, synced → Report … until Acked → Forgotten
//
// An attempt is started only when its intent is on disk (I4), and its end is
// told to nobody before it is. The processes belong to a process of their own
// (core/supervise says how long they may run), which outlives this one. So after
// a restart every intent without an end is an attempt that may still be running,
// may have ended meanwhile, or may be lost with that process: which of them is
// asked (Adopt) before anything new is started. What runs goes on, how the others
// ended is reported; and what is lost is reported as lost, when all that may be
// left of it is ended. The same is done when that process is lost and this one
// is not (Orphaned). What the cluster makes of a lost attempt is the ledger's
// matter. Every end without an acknowledgement is reported again.
//
// A driver must keep the records of one Journal together: all of them survive a
// power cut, or none.
//
// # Messages repeat
//
// The leader repeats a grant until it hears that the runner holds it (Held) or
// how it ended. So a grant may come again at any time, from a leader that does
// not know better, even long after its end. What keeps it from running twice:
// the runner remembers the fences it is done with, the newest Remembered of
// them, and takes all below these for too old; and a grant says for which
// instance, which run of this node, it was made. One for an earlier instance is
// in the journal, or was done with, or never came.
//
// A grant that is not run for such a reason is answered by Refuse: "not here,
// and never will be". Where it was done with, the log has its end, and the
// refusal finds nothing to take back. If the journal was damaged (Doubtful), a
// grant to a run before that may be one that it lost, and is reported lost
// instead; also later, since the identity keeps which run that was.
//
// A Kill for an attempt that never came is answered by Refuse as well, and the
// fence counts as done with from then on.
//
// A grant with a higher attempt number of a task that still runs here says that
// the log has given the older attempt up: that is ended first, then the newer
// starts. A lower number is stale and ignored.
//
// # Ends
//
// On a Kill the attempt gets SIGTERM, and KillAfter later SIGKILL; at the end of
// the machine it has StopAfter. The result then says cancelled. The time limit
// is seen to where the processes are.
//
// # More grants than slots
//
// Grants above the number of slots wait in the order of their fences: the leader
// gives short tasks ahead of time (core/dispatch). The intents of these are written
// at once, many in one write, and then they are handed on to the process that runs
// the attempts (Exec.Abreast), which begins the next as soon as another has ended.
// That is not done with an attempt that must not run again or holds a key, for an
// intent without an end is one that nobody can know of. Such a one waits here for a
// slot, and what came after it is not handed on before.
//
// What has not started is given back, by Refuse, when the leader asks for it
// (Kill.Unstarted), at the end of this run of the node (Parting), and instead of a
// kill. Of what was handed on only that process knows whether it has started: it is
// asked (Recall), and says so if it has not (Unbegun). The same it says of what it
// finds waiting when a run of this node adopts.
//
// While every slot is taken and others are ready, nobody is idle for want of news:
// then ends are gathered for endsFor, to be written and reported together.
//
// # Exclusive attempts
//
// Of a task with an exclusive key no two attempts run at once in the whole
// cluster. So such an attempt starts only with a lease, and ends with it: the
// runner asks the leader (AskLease), and a yes (Leased) lets it run for
// core.Lease from the moment of the question, however late the answer comes.
// At that time the attempt is ended where the processes are (Exec.Until, Renew),
// because this machine may be paused or gone by then. It is then reported as
// lost. See core/dispatch for the leader's side.
//
// # Output
//
// Output is spooled by the driver under the fence. A spool is kept for SpoolFor after the end was acknowledged, and as long as
// the fence is remembered, whichever is shorter.
//
// # Reports
//
// Report and Held go to whoever leads. A report is repeated with a back-off
// until it is acknowledged; NewLeader repeats everything at once, so that a
// change of leader costs no back-off.
package runner
