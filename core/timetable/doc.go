// Package timetable is the leader's look at the clock: which schedules are due.
//
// It runs on the leader only, reads the schedules in the ledger, and proposes a
// Fire for each time that is due. The ledger makes the task, under an ID that
// follows from schedule and time, and remembers up to which time it has: so
// whatever leaders do, one after the other or at once, with clocks that disagree,
// a time makes one task, and none is passed over. All that is kept here is soft
// and made anew by whoever leads next.
//
// What is due is counted from the last time that the ledger knows, never from
// now. A leader whose clock is fast fires early, but only once; the next one, whose
// clock is right, waits for the time after.
//
// # Catching up
//
// When nobody could fire (no quorum, a full ledger), times pass by. A schedule that
// says "once" makes a single task for the last of them; one that says "all" makes
// them one after the other, each when the log has the one before; one that says
// "skip" makes none that is later than OnTime, which is longer than any change of
// leader takes.
package timetable
