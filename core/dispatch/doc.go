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
// Short tasks are the exception, for a turn of the log may take longer than the
// task. When no slot is free anywhere, a member gets tasks ahead of time, as many as
// its slots do in aheadTime, and aheadMost at most, and more when it is through half
// of them. Its runner starts the next as soon as a slot is free (core/runner). Only
// tasks of which it is known that they take less than aheadShort are given so, and
// none that may not run again, is exclusive, or names its member: a member that is
// lost takes with it what it was given. What a member says it has not started
// aheadLate after it was granted, because those before it take longer than was
// expected, is asked back and queued again; so is, at once, what a drained member
// has not started.
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
// # How long a task takes
//
// On an ordinary member, which is the median one: its --weight, corrected by what
// a second of --weight has turned out to be; else the median of the last
// HistoryRuns runs of its name, else of all names. (Medians, because times of runs
// have long tails.) Those that have ended first are the short ones, so runs that go on
// count, too: as what takes longer than they have until now (demand.go). All of it is
// learned from results, so whoever leads next learns it again from the records in
// the ledger.
//
// On another member so many times as long as it is slower (pace.go): by the
// strength that it says it has, corrected by at most correctMost when its runs say
// otherwise, and by how slow it is at the moment. That it says itself, or its last
// runs do, or what is overdue in half of its slots. A member that is spareFrom
// times slower than usual gets nothing new while there is another. What a member
// says of itself is believed within bounds only, and its runs have the last word.
//
// # Earliest completion
//
// A task goes to the member on which it should be done first:
//
//	earliest free slot + slowness · demand / share of a core
//
// and the cost above decides among those within TiePercent. A fast member without
// a free slot may win over a slow one that idles. Then the task stays here, bound
// to nobody, and the next one is looked at, as if the slot that the first waits for
// were taken.
//
// A slow member is not to idle while there is much to do, though. The horizon is
// when everything that waits and runs would be done if it could be cut at will. A
// task that should be done by then, even if it takes as much longer as its like
// sometimes do (risk), delays nothing wherever it runs, and goes. So slow members
// get long tasks as long as there is time for them, then ever shorter ones, and all
// end together: core/sim/balance measures how nearly.
//
// A task of which nobody knows how long it takes may be the longest of all. So one of
// each name is tried before any other, and before a second of that name: what is known
// of all names is where each task belongs (Jajoo and others, "A Case for Task Sampling
// based Learning", NSDI 2022). For at most exploreFor such tasks go only to members that
// are not much slower than the fastest; from there it is known soonest, too.
//
// # Order
//
// Tasks of the same placement (--on, --where) and of about the same demand stand in
// one lane: if the first of them fits nowhere no other does. So a step costs the
// number of lanes and of tasks it places times the members it weighs, however many
// wait.
//
// Within a lane, and among the heads of lanes, a task's rank decides: the time
// of its submit, less PriorityWorth for each step of priority, less what its
// expected length is worth (a long task that begins last ends last: longest
// processing time first), which grows with it but never beyond LengthMost. So
// nothing is overtaken for longer than these sums.
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
// # Members that come back
//
// A member's tasks go on without its daemon. So one that has said that it is only
// started again keeps its grants for restartGrace, and one that has crashed keeps
// for returnGrace those of tasks that may not run again: until then it can tell
// how they ended. Any other grant of a member that is agreed down is taken back
// at once.
//
// # Exclusive tasks
//
// The grant of a task with an exclusive key is not taken back from a lost member
// before its lease and a grace are over, unless the runner itself says that the
// attempt ended or never began. A lease is renewed (Renew) only after a quorum
// has confirmed that this node led since the runner asked; a new leader cannot
// know what its predecessor renewed, and waits from the moment it led.
package dispatch
