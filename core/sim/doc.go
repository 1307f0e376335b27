// Package sim drives whole hb nodes through virtual time, from a seed.
//
// It is the second driver of core/node (core/daemon is the first). The nodes
// are the production machines, unchanged; their write-ahead logs are the
// production core/store. Only what surrounds them is invented: the clock, the
// network, the disks, the child processes, the clients and the misfortunes. All
// of it comes from one seed, so whatever goes wrong once goes wrong again, as
// often as one likes and with any amount of tracing.
//
// # How it works
//
// There is one goroutine and one heap of events, ordered by (time, sequence).
// The earliest is taken off, the clock is set to its time, and it is carried
// out; most events hand one node.Event to one node and carry out the effects
// that Step returns, which puts more events on the heap. Nothing else moves the
// clock, so a quiet minute costs nothing.
//
//   - Every host has its own core.Instant (hosts booted at different times) and
//     its own wall clock, which may jump.
//   - Network is a struct of a few probabilities; links may be cut in one or
//     both directions. A datagram is delivered, late, twice or not at all. A
//     stream is in order; a cut stalls it and, if it lasts, breaks it; the end
//     of a process resets it.
//   - An Append is written to the virtual disk at once and is durable only when
//     the sync ends. While a sync runs, later Appends wait and go together under
//     the next one, as in the daemon. A power cut between loses or tears what was
//     not synced; the end of a process alone loses nothing that was written.
//   - A task's argv is a little language (see Work): how long it runs, with
//     which exit code it ends, and whether it ignores SIGTERM.
//
// # What goes wrong
//
// Faults (options.go) says what strikes and how often; chaos.go lets it happen
// until the quiet end. Blind chance hardly ever hits the short moments that
// matter, so ambush.go also looks at the frames and strikes at some votes and
// grants while they travel. Every second seed shortens the nodes' logs, so that
// snapshots are made, sent and installed.
//
// A scenario of one's own is a few lines of script.go:
//
//	w := sim.New(sim.Options{Seed: 1, Nodes: 3})
//	defer w.Close()
//	w.Start(3)
//	… := w.Until(func() bool { return w.Leader() >= 0 }, 5*time.Second)
//	id, call := w.Submit(0, sim.Work, "200ms", "exit=3")
//	w.PowerCut(w.Leader())
//
// # What is checked
//
// The referee (referee.go) sees what an outsider can see: the frames that nodes
// send, the answers their clients get, the log as every node tells it, and the
// processes they start. After each step:
//
//   - one leader a term (Raft, Ongaro & Ousterhout 2014, figure 3);
//   - what two nodes hold committed at one index is the same, byte for byte;
//   - an acknowledged task or note stands in the log at the index of its answer;
//   - a task has one final record, and it never changes;
//   - the fences of a task's grants strictly increase, at most one is open;
//   - every execution had a grant, and each grant at most one execution; what a
//     member disowned never runs, and a --once task runs once;
//   - a recorded result is how that process ended, after it ended;
//   - a confirmed reading of the leader, or of a task, is linearizable;
//   - no Step does unbounded work, and no node asks for the same instant for ever.
//
// Run ends with a healed, quiet period; then every acknowledged task must have
// ended, every client must have its answer, and all nodes must agree on the log,
// on what it means, and on the leader.
//
// # Replaying
//
// A failed run is an error of type *Violation: it prints the seed, the broken
// invariant with its values, the last lines of the trace and the command that
// replays it. Every event and effect goes into a running hash; two runs of one
// seed must end with the same hash, else something reads a clock, a map's order
// or a random source that is not the seed's.
//
// The consensus engine draws its election jitter from crypto/rand. So a run
// puts a seeded reader in crypto/rand.Reader (entropy.go), and therefore a
// process runs one seed at a time; scripts/seeds runs seeds in parallel by
// processes.
//
// # Limits
//
// A leader without followers sends no frames, so World.Leader does not see it.
// A Step takes no virtual time, and a host's processor is never busy. Clocks jump
// but do not drift. Nothing here measures speed.
package sim
