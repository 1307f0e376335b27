// Package lab drives the weak view alone through virtual time: core/membership's
// machines on a network that is only computed. No log, no disk, no tasks. It
// measures what core/sim, which drives whole nodes, would take too long for:
// a thousand members for a minute take a second or two.
//
// # What is the same code
//
// Each member is a membership.Machine with a detector from core/detect/kinds: the
// production code, unchanged, reading and writing the production datagrams byte
// for byte. The driver beside it (lab.go, network.go) is a heap of events, one
// goroutine and one seed, so that the same seed gives the same run. What consists
// of many such runs does them side by side (parallel.go), which changes nothing
// but the time it takes. Experiments look on by reading tables, by OnChange and by
// OnClaim, and may take part in the network's misfortunes (Loss, Kill, Block).
//
// Members that know each other from the start need not tell of themselves. With
// Options.Compact the tables of all members share one beginning (member.Base) and
// keep only what differs; a test holds that this changes nothing but the memory.
// That is how a hundred thousand members fit. Crowds that join have nothing in
// common at first, so each member's table takes its full size.
//
// # Holding SWIM against its paper
//
// Pure (pure.go) is production SWIM without anything that the paper does not
// have, with random targets and synchronous rounds: the assumptions under which
// theory.go computes. Three trials, each so that one trial does not disturb the
// next:
//
//   - Detections silences one member at a time. Nobody's table learns of it.
//   - Mistakes lets all live and counts the probes that fail. Where these are too
//     rare, weigh.go makes them frequent and weighs them.
//   - Spreads lets news ride, for which members must probe at random times of
//     their own, since the paper's differential equation has no rounds. In rounds,
//     or with fixed periods at different phases, the news is slower at first and
//     faster in the end: everybody asks somebody within a period.
//
// # Measuring what hb does
//
// Trial (crash.go) is a cluster as it really runs, some members of which crash.
// Case (case.go) is a row of `hb simulate detectors`, of either sort. Anomaly
// (lifeguard.go) is a run of the Lifeguard paper's experiments, in which members
// block (stall.go), and Variants are the detectors that it compares.
//
// # Limits
//
// A step takes no time, so a member is never busy; delays of two datagrams are
// independent, and so are losses. Streams (anti-entropy) are repeated while the
// network loses them, a few times, and are not counted as datagrams.
package lab
