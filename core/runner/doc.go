// Package runner is the life of the tasks on this machine: from a grant of the
// log to a result in the log, through crashes, without running a grant twice.
//
// # The journal comes first
//
// A fence, the token of a grant, is run at most once. Two rules make it so,
// and each is a record in the runner's own journal:
//
//	grant → Intent, synced → Exec → Started, written
//	      → the process ends → Ended, synced → Report … until Acked → Forgotten
//
// An attempt is started only when its intent is on disk (I4), and its end is
// told to nobody before it is. After a restart every intent without an end is
// an attempt that may have run, or may still be running: its old process group
// is ended (Reap), nothing new is started before that, and it is reported as
// lost. What the cluster makes of a lost attempt is the ledger's matter. Every
// end without an acknowledgement is reported again.
//
// A driver must keep the records of one Journal together: all of them survive a
// power cut, or none.
//
// # Messages repeat
//
// The leader repeats a grant until it hears that the runner holds it (Held) or
// how it ended. So the same grant may come again at any time, even long after
// its end. The runner therefore remembers the fences it is done with: the
// newest Remembered of them, and of all below these that they are too old to be
// run. A grant that is not run for that reason is answered by Refuse, which is
// harmless: if it was done with, the ledger knows its end and ignores that.
//
// A Kill for an attempt that never came here is answered by Refuse as well, once
// the promise never to run it is in the journal.
//
// A grant with a higher attempt number of a task that still runs here says that
// the log has given the older attempt up: that is ended first, then the newer
// starts. A lower number is stale and ignored.
//
// # Ends
//
// At the time limit, or on a Kill, the process group gets SIGTERM, and KillAfter
// later SIGKILL, again every KillAfter until it is gone. The result then says
// timed_out or cancelled, whichever came first.
//
// Grants above the number of slots wait in the order of their fences.
//
// # Output
//
// Output is spooled by the driver under the fence, in the layout of spool.go.
// A spool is kept for SpoolFor after the end was acknowledged, and as long as
// the fence is remembered, whichever is shorter.
//
// # Reports
//
// Report and Held go to whoever leads. A report is repeated with a back-off
// until it is acknowledged; NewLeader repeats everything at once, so that a
// change of leader costs no back-off.
package runner
