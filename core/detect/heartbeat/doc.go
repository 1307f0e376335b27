// Package heartbeat is what the detectors by heartbeat have in common: central,
// ring, all-to-all and gossip (Gupta, Chandra, Goldszmidt 2001; van Renesse,
// Minsky, Hayden 1998). Each of them is a Scheme, a page of its own; here is the
// machine that carries it out.
//
// # The idea
//
// Whoever lives says so, again and again; whoever falls silent has failed. The
// schemes differ only in who tells whom, and so in what a crash costs and which
// crash nobody is left to notice.
//
// # The algorithm
//
// Every period T each member sends a heartbeat with the next sequence number to
// its targets (beat.go). It watches some members; that may be its targets, or
// those whose target it is. A heartbeat is life only if its sequence number is
// larger than any seen before, so that late and doubled packets keep nobody
// alive. A member that has not been heard for m periods is suspected
// (watch.go): on average (m − ½)·T after its crash, since it crashed half a
// period after its last heartbeat.
//
// When members come or go, or the log gets another leader, everybody computes
// targets and watched anew from the table. That is how a ring repairs itself.
// Who is watched from then on has m periods to be heard first.
//
// # Beyond the books
//
// The algorithms as published call a member failed at its first silence. Here
// they are kept, but what is made of a silence is what all of hb makes of it.
// Each can be left out (detect.Extras), and without all of them the theory holds.
//
//   - A question first. In the last of the m periods a silent member is pinged,
//     and an ack is life. So two members that for a moment disagree about the
//     ring, or about the centre, accuse nobody, and a few lost heartbeats cost
//     one ping.
//   - Suspicion before death (suspicion.go). The accused is told and may refute
//     it, by an incarnation of its own, within 2.5 T; more above a hundred
//     members, as news takes longer. Everybody runs that clock, so that a
//     suspicion ends also if its accuser fails.
//   - Doubts (doubt.go). Whoever does not answer the leader's roll call is asked at
//     once, and suspected a period later.
//   - Gates (gates.go). After a pause of this process all silences are shorter
//     by its length; and a member that hears nobody asks three others whether
//     that is its own fault, and judges nobody until one has answered.
//
// m is 4: heartbeats come at 1, 2 and 3 T and, by chance, just before 4, so
// three must be lost and a ping as well. With the suspicion nobody is called
// dead before 6.5 T of silence; a process stopped for 3 T is at most suspected.
//
// A host's answer that no process listens there is not made use of. It would
// find crashed processes sooner, and for that there is SWIM; here the
// detectors are to be what their names say.
//
// # Load
//
// One message per target and period, plus an ack for each where the scheme
// wants one. It says nothing about bytes: gossip's heartbeats carry a row of 16
// bytes for each member.
package heartbeat
