// Package agree decides, on the leader, which members the agreed directory
// should call down: the filter between the weak view, in which everybody
// believes what it hears, and the log, in which everybody reads the same.
//
// # Why a filter
//
// The weak view is quick and may be wrong. Taken into the log as it comes, it
// would bring three kinds of harm: a half-detached node, which hears too little
// and accuses everybody, would get healthy members down; a rack that loses its
// power would become ten entries, each of which moves tasks to members that the
// next one takes away; and a member that flaps would flap in the log.
//
// # The algorithm
//
// It is the multi-process cut detection of Rapid (Suresh et al., ATC 2018, §4)
// with other observers. A member's voices are those members that found out for
// themselves that it does not answer. It is
//
//   - doubted from the first voice on (low watermark L = 1);
//   - down when the weak view calls it dead and High voices said so (high
//     watermark H = 2, less only where the leader hears nobody who could be the
//     second).
//
// All that are down go into one proposal, as soon as some are down and none is
// merely doubted. So whatever failed together is agreed on together, and who
// was accused by mistake has had the time to refute.
//
// Rapid's observers of a member are fixed (K = 10 on random rings), so that all
// alarms of one failure come at once. SWIM's are not: who is next in the round
// finds a crash first, and the last of ten crashed members is found some
// periods later. So when one falls, the leader calls the roll (Roll): it pings
// everybody once, and whoever does not answer is suspected at once. In a healthy
// cluster all others answer within a round trip, and nothing is lost by waiting
// for that.
//
// A member that is not dead but unsteady (core/membership: it is accused every
// few seconds, by ever other members, and refutes it each time) is down, too.
// Rapid gets the same from its observers, whose alarms nobody can refute. Whoever
// is about to become unsteady is waited for like a doubted one.
//
// # Where voices come from
//
// Accusations carry their accuser, and up to four accusers of one member spread
// through the weak view; the leader counts those who suspected the member
// themselves. The word "dead" counts for nothing, since it is also said by those
// who only counted. Where that makes too few voices, or where the leader has
// lately heard the member itself, the leader asks (Ask): it pings the member,
// directly and through three others. Each that was asked and got no answer is a
// voice; one that got an answer denies the death. Nobody has to report verdicts
// to the leader as a matter of course: the rumour is there anyway, it survives
// a change of leaders, and costs nothing while all is well.
//
// # Bounds
//
// A doubt holds a proposal up for at most five periods, and one that nobody
// shares for four of its own. So a crash reaches the log at most five periods
// after the weak view is sure of it.
package agree
