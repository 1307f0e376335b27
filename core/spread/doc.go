// Package spread decides which news rides on which packet, and how often.
//
// # Three ways
//
// News reaches everybody in one of three ways (Mode). Each works under every
// detector, and members that use different ones understand each other.
//
//   - Piggyback: news rides on packets that leave anyway, and everybody passes
//     it on. What follows is about this one.
//   - Unicast: who finds something out sends it to each of the others, once:
//     N−1 packets, one hop, nothing afterwards. A lost packet is made good by
//     anti-entropy (core/membership), some periods later.
//   - Multicast: the same in one packet to all on the wire. Each receiver may
//     lose it by itself, and those on other wires never get it; both are left
//     to anti-entropy. The accused gets its own copy by unicast, so that it can
//     refute. Where there is no multicast, it is unicast.
//
// # Piggyback
//
// News of a member travels as SWIM's infection (Das et al. 2002, §4.1): each
// who learns it puts it on some of the packets it sends anyway, ⌈λ·ln(N+1)⌉
// times, λ = 3, after which everybody has it but for N^−(2λ−2) of the cases.
// Two things are added.
//
// Order. A packet has room for some news only, and some matter more: first an
// accusation against the very member the packet goes to (the buddy system of
// Lifeguard §IV-C: nobody refutes what it has not heard), then this node's own
// refutation, then suspicions and deaths, then life and joins, then leaves.
// Within a class what was sent least goes first.
//
// Haste. By pings alone, news of 100 members takes five periods. So while there
// is any, bulletins that carry nothing else leave too: to three random members
// every 50 ms, until the limit. The first of them goes to the subject of an
// accusation. What has never been sent leaves at once, a few times in a row, so
// that new news passes from hand to hand in the time that datagrams take: a
// process killed among 100 is dead everywhere after 7 ms where it took 106. It is
// sent no more often for that, and a quiet cluster pays nothing.
//
// Accusations of different accusers against one member are different news,
// since their number decides how soon a suspicion ends; four are kept.
package spread
