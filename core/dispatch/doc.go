// Package dispatch is the leader's choice: which member gets which task.
//
// It runs on the leader only. It reads the ledger and proposes commands; what
// becomes of them the log decides. All it keeps besides is soft state, rebuilt
// from the ledger by whoever leads next (Led), so a change of leader neither
// loses a task nor starts one twice.
//
// # Late binding
//
// No member is given a task that it cannot start at once: what does not fit
// waits here, at the leader, and goes to whichever member is first to have a
// free slot. So a wrong guess about a member costs at most one task's time, and
// no task is stuck behind another while a slot is free elsewhere (Sparrow §3.4).
//
// # Exact accounting
//
// Free slots are counted, not guessed: the slots that a member reported, less
// its open grants in the ledger, less the assignments that were proposed and
// not applied yet. A load report is always stale; counted this way it causes no
// herd, because every choice made since is known exactly. From the report come
// only the number of slots and the share of the machine that others use. A
// member that has not reported since it was last started counts as one slot,
// and is chosen only when none that has reported has one free.
//
// # Choice
//
// Of the members that may run a task and have a free slot the one wins on which
// it should complete first. With n tasks in flight on S slots, and the share b
// of the machine taken by others, a further task is served at the rate of
// S·(1−b) shared among n+1, so its time there is proportional to
//
//	(n + 1) / (S · (1 − b))
//
// which fills a strong member in proportion to its strength. Members within
// TiePercent of the best are equal as far as such figures can tell, and one of
// them is drawn at random.
//
// # Order
//
// Tasks with the same placement (--on, --where) stand in one lane, in the order
// of their submits, for if the first of them fits nowhere no other does. Among
// lanes the oldest task goes first. So a step costs the number of tasks it
// places times the members it weighs, however many wait.
//
// # What is repeated
//
// Messages get lost, so a Grant or a Kill is sent again every Resend until the
// runner says that it holds the attempt, or the ledger that it has ended. A
// proposal that has not come back within ReplanAfter is forgotten, and made
// anew if it is still wanted: Apply refuses whichever copy comes second.
// An attempt that failed is retried after a back-off, RetryFirst doubled with
// each failure up to RetryMost; so is a task that keeps losing its member, so
// that it cannot take down the cluster at speed.
package dispatch
