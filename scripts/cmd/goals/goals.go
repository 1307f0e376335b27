package main

import "time"

// goals are the rows of the table, in the order in which they are printed.
func goals() []goal {
	crash, agreed := &crashes{}, &agreement{}
	return []goal{
		{what: "theory of T_d, SWIM §3.1, K 0 to 3, loss 1, 5 and 10 %", best: "the formula", want: "within 2 %", measure: detections},
		{what: "theory of p_m, K 0 to 3, loss 1, 5 and 10 %", best: "the formula", want: "within 5 %", measure: mistakes},
		{what: "theory of x(t), until 99 % and until all know", best: "the formula", want: "within 5 %", measure: spreads},
		{what: "worst first detection of one crash, N = 128", best: "2N−1 periods", want: "at most 4 T and the probe", measure: crash.worst,
			tried: "each member is watched from two places on a ring besides the rounds; what is left is watchers that crash together"},
		{what: "crash to dead, N = 128, silent host", best: "12.45 s first, 12.91 s everywhere (Lifeguard)",
			want: "medians at most 4.0 and 4.5 s, p99 at most 6.5 s", measure: crash.dead,
			tried: "nobody is called dead before 3.5 T of silence, since a process that is stopped for 3 s must live, nor by one accuser"},
		{what: "false positives of the Lifeguard experiment", best: "5193 of 339002, 25 FP− (Lifeguard, 1.5 %)",
			want: "at most 0.3 % of hb's own SWIM, no FP−", measure: lifeguard,
			tried: "a sample of 48 runs; scripts/lifeguard --full makes all 4,320, with each extension alone"},
		{what: "10 % loss with 17 joiners", best: "12 stay (SWIM §5)", want: "17 stay, no false death", measure: joinersUnderLoss},
		{what: "30 % loss, 17 members, 5 min", best: "–", want: "no false death", measure: heavyLoss},
		{what: "80 % loss at 1 % of many", best: "exactly the faulty removed (Rapid §7)", want: "the same, in 20 s", measure: lossy,
			tried: "in the weak view each that is reached in time refutes and is back; the log, below, is where they stay removed"},
		{what: "80 % loss at 1 % of many (at ten), in the log", best: "one change (Rapid §7)",
			want: "exactly the faulty agreed down, in 20 s, by 2 changes at most", measure: agreed.lossy},
		{what: "one-way cuts at 1 % of many", best: "exactly the faulty removed (Rapid §7)", want: "the same, in 20 s", measure: oneWay},
		{what: "flip-flop of one-way cuts at 1 % of many", best: "exactly the faulty removed (Rapid §7)", want: "the same, in 20 s", measure: flipFlop},
		{what: "10 of many crash at once", best: "one change after 10 s (Rapid)", want: "known everywhere in 8 s (the weak view)", measure: tenAtOnce},
		{what: "10 of many crash at once, in the log", best: "one change after 10 s (Rapid)", want: "one entry of the log, in 8 s", measure: agreed.ten},
		{what: "idle traffic, N = 1000", best: "0.54 kB/s in, 0.64 out (memberlist)",
			want: "2.0 datagrams a period, at most 0.3 kB/s each way sealed, most 4", measure: idle},
		{what: "2,000 join at once", best: "53 s (Rapid), 95 s (memberlist)", want: "5 s", measure: joining(2000, 5*time.Second)},
		{what: "10,000 join at once", best: "–", want: "8 s", measure: joining(10_000, 8*time.Second)},
		{what: "100,000 join at once", best: "–", want: "15 s", measure: func(scale) (string, verdict) { return "not measured", missed },
			tried: "a table of a hundred thousand rows for each of as many takes 580 GB; only clusters that begin whole share their tables"},
		{what: "a 50/50 split of 1000 heals", best: "30 s ticks (serf, ringpop)", want: "15 s, at most one flap a member", measure: split,
			tried: "each member pings one of the dead every 5 s; a half that hears one member of the other sends its whole table"},
		{what: "1,000 members for 60 s", best: "–", want: "seconds", measure: thousand},
		{what: "10,000 full tables", best: "Consul 5,000; Akka 2,400", want: "at most 64 bytes a row, nobody wrongly dead", measure: tenThousand},
		{what: "100,000 members, compact", best: "Consul 5,000; Akka 2,400", want: "they run, nobody wrongly dead", measure: hundredThousand},
	}
}
