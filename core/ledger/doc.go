// Package ledger is the replicated state: what the log means.
//
// Every member applies the same entries in the same order, so every member
// holds the same State, byte for byte (Encode). To keep that so, Apply is
// deterministic: it reads no clock (the leader's time stands in the entry),
// draws no chance, and lets no effect depend on the order of a map. And it
// alone judges: what the leader plans is only a proposal, and a command that
// no longer fits when its turn comes is refused, with a Verdict for whoever
// asked. A refused command changes nothing. (MemberUp alone is judged row by
// row, because one bad row must not keep the others out.)
//
// # The directory
//
// MemberUp and MemberDown keep the agreed view of who is a member. Evidence is
// ordered by instance, the counter of a node's starts: what speaks of an older
// instance than the directory knows is stale and changes nothing, and a member
// that left comes back only with a newer one. The names of members that are up
// are unique.
//
// Beside it the log keeps what people wish about the voters: how many there
// should be, and who is to vote, or is not. replog's controller fulfils it. A
// member that was forgotten leaves a tombstone: neither its node ID nor its
// raft ID is taken in again.
//
// # Who is let in
//
// A cluster with an authority (core/pki) takes into its directory only who was
// let in: by an Admit with the secret of a join token. The log keeps of a token
// the hash of its secret, when it expires, and how many machines have used it;
// since Apply judges, a token for one machine lets in one, whatever becomes of
// leaders meanwhile. Whoever was let in has a Credential: its public keys and,
// once a voter has made it, its certificate (Certify). Beside those of voters
// stands the authority's private key, sealed to theirs (Entrust). A member that
// is forgotten, or leaves, loses its Credential.
//
// # The life of a task
//
//	queued ─Assign→ assigned ─Finish→ succeeded | failed | timed-out
//	  ↑  ├ Finish, it failed, and retries are left
//	  │  ├ Finish with "lost", or Requeue: its member is gone, and not --once
//	  └──┘                          … and --once → unknown
//	queued ─Cancel→ cancelled
//	assigned ─Cancel→ cancelling ─Finish or Requeue→ cancelled
//
// An attempt exists only by an Assign that was applied; its token, the fence,
// is the position of that command in the log, so a later grant always has a
// greater one. A task has at most one open grant. A Finish counts only with the
// fence of the open grant; a late one is kept beside its attempt with the
// outcome "superseded" and changes nothing else. A task ends once.
//
// A result that the runner calls lost or cancelled, though nobody asked the
// ledger to cancel, says that the attempt was cut short: the task is queued
// again and no retry is spent. With --once a lost one is unknown. A Requeue is
// refused while the member is up, because its attempt may be running, unless
// the member itself says that it never started the attempt; then even a --once
// task is queued again, for it has not run.
//
// # Elements
//
// An array, or a task for all members, is one command in the log and one record,
// the parent, beside which its elements are records of their own: each is
// granted, run and ended as any task is. They share the parent's spec and its
// place in the log, and are kept and dropped with it. The members that --all
// means are those of the moment at which it is applied. The parent is running
// until all elements have ended, and then ends in the same command: with the
// worst of their exit codes. When as many have failed as may, those that still
// wait end without a run; so do those of a member that goes down.
//
// # Locks
//
// A lock is had by the session of one client, or, if they share it, by several
// behind the same member; others wait in the order in which they asked. Whoever
// gets it has the position of the command that gave it to him as his fence, so
// that fences of a lock only rise. The ledger knows no time here either: that the
// session of a client who fell silent ends only after its lease is up to
// whoever proposes it (core/lock). When a member goes down its clients cease to
// wait, and keep what they have.
//
// # What else is judged
//
// Of all tasks with one exclusive key (--exclusive) at most one has an open grant.
// The ledger knows no time: that such a grant is not taken back from a lost
// member before its lease is over is up to whoever proposes the Requeue.
//
// Whether a task that was assigned runs by now is not in the log: it is soft
// state, which the node lays over the record when it shows it.
//
// # Bounds
//
// At most MaxOpen tasks or MaxOpenBytes of them may wait or run; beyond that a
// submit is told to come back. Records of tasks that ended are kept for those
// who ask later: the newest KeepRecords of them or KeepBytes, whichever is less,
// and less by Expire. A dropped record takes its --key with it. Apply drops
// them, in the order in which the tasks ended, so all members drop the same.
// What is left of them is the latest time at which one of them was minted:
// an ID from before that time which nobody knows may be an expired one, a later
// one was never heard of. A submit under such an ID is refused, for it may have
// run before; unless that time lies ahead of the entry's own, which only a wrong
// clock can have brought about.
//
// # Records
//
// What State hands out is shared, not copied: treat it as immutable, as State
// does (a change makes a new record). In return a reader may keep what it got.
// Where to look: the commands are in apply.go, directory.go, admission.go and
// tasks.go; the indexes in index.go; Check says what always holds.
package ledger
