// Package swim is the SWIM failure detector (Das, Gupta, Motivala: SWIM, DSN
// 2002) with the local health of Lifeguard (Dadgar, Phillips, Currey, DSN-W
// 2018).
//
// # The idea
//
// Every period T each member pings one other, so the load on each is constant
// however many they are. Whoever does not answer is asked through others
// before anybody says a word about it; whoever is then suspected is told so
// and has time to object before it is called dead.
//
// # The algorithm, and where it stands
//
//   - round.go: the target of a period is the next in a random permutation of
//     all members, so two pings of one member by another are at most 2N−1
//     periods apart (§4.3).
//   - lane.go: every second ping goes to the next member on a ring of hashed IDs
//     instead, and whoever misses the ping of the one before asks it: so two
//     members miss a crashed one within two periods, however many there are.
//   - probe.go: ping, wait for the ack as long as round trips suggest (rtt.go),
//     ping again, then ask K = 3 others to ping it (ping-req), and others again,
//     until the period ends. What happens on a lost ack is all in that file.
//   - core/detect/relay: the other side of a ping and of a ping-req: ack it, or
//     ping the target, forward its ack, or send a nack after 80 % of the asker's
//     remaining time, so that the asker knows at least that the helper is well.
//   - suspicion.go: a member that failed a probe is suspected. The suspicion
//     ends in death between Min and Max, the sooner the more others confirm it.
//   - verify.go: three members that the suspect's ID chooses probe it at once
//     instead of waiting for their turn, so that a real crash is confirmed
//     within a period; what an answer "nobody listens there" is worth; that one
//     member's word alone calls nobody dead; and that whoever refutes is looked at
//     once more, so that a member whose packets are mostly lost is known for that.
//   - refute.go: a suspected member raises its incarnation above the
//     accusation's and says that it is alive (§4.2).
//   - health.go: a member that seems slow itself, since its probes fail, its
//     helpers' nacks are missing or it had to refute, waits and probes up to
//     nine times slower (Lifeguard §IV-A).
//   - gates.go: after a pause of this process all its clocks move on by the
//     length of the pause; and while nobody at all is heard, nobody is judged.
//
// # Figures
//
// Min is 2.5 T: the probe that failed has taken T already, so nobody is called
// dead before 3.5 T of silence, and a process stopped for 3 s at T = 1 s lives.
// It is enough, since an accusation reaches its subject, and the refutation
// everybody, within a fifth of a second (core/spread). It grows a little above a
// hundred members, as spreading does. Max is 6 Min as in Lifeguard's experiments. A
// direct timeout is at most T/3, which leaves the helpers two thirds.
//
// A crashed process on a living host is known much sooner: its host refuses
// packets, and two members that were refused may call it dead without waiting.
//
// # In the laboratory
//
// Tuning (tuning.go) has the figures that an experiment may set, and
// detect.Extras names what it may leave out. Without all extras, with random
// targets and in step, this is the protocol that SWIM §3 computes: a crash is
// found after T/(1−e^(−1)) on average, and a living member is suspected with
// probability (1−q²)(1−q⁴)^K a period, if q is the chance of a message to
// arrive. core/sim/lab holds it against that.
//
// # What it does not do
//
// It does not see a member that some can reach and others cannot, as long as
// one of the helpers can. It finds a crash within three periods, not at once, and
// later if both neighbours on the ring crash, too. And a member that is slow for
// longer than it has to refute is called dead, as in every detector with a
// timeout.
package swim
