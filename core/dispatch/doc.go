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
// # Earliest completion
//
// How long a task takes on an ordinary member is its --weight, else the median
// of the last HistoryRuns runs of its name, else of all names. How much longer
// it takes on this member is the member's slowness: the median of what its last
// runs took over what they should have, beside that of the median member. (Medians, because times of runs have
// long tails.) Both are learned from results, so whoever leads next learns them
// again from the records in the ledger. Where both are known the member wins on
// which the task should be done first:
//
//	earliest free slot + slowness · demand / share of a core
//
// and the cost above decides among those within TiePercent. A fast member
// without a free slot may win over a slow one that idles. Then the task stays
// here, bound to nobody, and the next one is looked at, as if the slot that the
// first waits for were taken; so waiting for the fast never idles the slow as
// long as there is something that does well there. What it waited for may not
// come in time: it is weighed anew at every step.
//
// # Order
//
// Tasks with the same placement (--on, --where) stand in one lane, for if the
// first of them fits nowhere no other does. So a step costs the number of tasks
// it places times the members it weighs, however many wait.
//
// Within a lane, and among the heads of lanes, a task's rank decides: the time
// of its submit, less PriorityWorth for each step of priority, less LengthWorth
// times its expected length (a long task that begins last ends last: longest
// processing time first), but no more than LengthMost. As the rank of a task
// that waits never changes, nothing is overtaken for longer than these sums.
//
// # What is repeated
//
// Messages get lost, so a Grant or a Kill is sent again every Resend until the
// runner says that it holds the attempt, or the ledger that it has ended. A
// proposal that has not come back within ReplanAfter is forgotten, and made
// anew if it is still wanted: Apply refuses whichever copy comes second.
// An attempt that failed is retried after a back-off, RetryFirst doubled with
// each failure up to RetryMost. A task whose member was lost runs again at once,
// and after RetryFirst when that is so several times in a row: to find a member
// dead takes so long that this cannot go round at speed, and a task is not to
// wait for what its members do.
//
// # Exclusive tasks
//
// The grant of a task with an exclusive key is not taken back from a lost member
// before its lease and a grace are over, unless the runner itself says that the
// attempt ended or never began. A lease is renewed (Renew) only after a quorum
// has confirmed that this node led since the runner asked; a new leader cannot
// know what its predecessor renewed, and waits from the moment it led.
package dispatch
