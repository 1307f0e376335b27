// Package judge says what is wrong with a machine or its network, and how to mend
// it, from facts that were gathered before (hb/commands/doctor gathers them).
//
// It is pure: the same Facts give the same Findings, in the same order. So every
// finding there is has a row in a test, also those that are hard to bring about.
//
// # What makes a finding
//
// A check is a method of Facts that gives findings. It gives none where nothing
// was looked at: what nobody knows is not well, but it is no finding either. It
// gives one of severity OK where all is well with what a reader would look for. Bad is what keeps a node from running, joining or being
// reached; Warn is what will, or does so sometimes. Each Warn and Bad has at least
// one line of remedy, the likeliest first, that can be typed as it stands where
// that is possible.
//
// One cause gives one finding: a node that hears nobody, say, is not also told that
// each of its members is silent.
//
// # Thresholds
//
// Clocks: ten seconds are more than any clock that is kept right is off, and less
// than matters to anything but the second of a schedule; ten minutes are what
// people notice in tokens and in the times they are shown. Disks: a node needs some
// tens of megabytes for its log (store), and a sync of 30 ms (median) is what a slow
// spinning disk takes; above that every commit waits for it. Certificates: a node
// renews its own when a third of their life is left, and tries again each minute;
// with a sixth left, that does not work.
package judge
