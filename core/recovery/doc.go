// Package recovery gives a cluster a log again whose majority is gone for good,
// and brings back a snapshot that people took away. It works on the data
// directories of nodes that do not run.
//
// # Why it is not automatic
//
// A voter that survives cannot know whether the others are dead or only cut off.
// If they live, they go on agreeing without it; whoever declares it the whole
// cluster then makes two logs of one. Only a person can know that the others are
// gone for good, so this is a command, it says what it will do, and asks.
//
// # What is kept
//
// Every entry of the furthest log that any survivor holds: voters and members,
// compared as Raft compares logs (§5.4.1). Entries that were not known to be
// agreed are kept, because they may have been: a majority that is gone cannot be
// asked. What may be missing is what was agreed after that log's end, and
// Plan.Words says so.
//
// # Epochs
//
// The cluster's ID stays; a new epoch begins (core.Epoch), with a new raft ID for
// its only voter, whose votes under the old one are void. Its log begins with a
// snapshot 2³² entries after the end of the old one: whatever was granted in
// entries that are missing now, no fence is ever given out twice, and none goes
// back. Members of the old epoch are refused (core/node, epoch.go) until Rejoin
// has put their logs aside: they may hold other entries at the same indexes.
//
// Two recoveries made apart, from two survivors, begin two epochs of the same
// number and different names; their nodes refuse each other, and say why. A
// snapshot that is restored twice, on machines that know nothing of each other,
// does the same, and both then give out the same fences: nothing here can prevent
// that.
//
// # Crashes
//
// The old content of the directory is first copied to before-N, durably. Then
// the identity is replaced, as one file: from here on the old log is of another
// epoch than its directory, no node starts on it, and only a recovery, which may
// be this one again, goes on. Then the snapshot, which replaces the log.
package recovery
