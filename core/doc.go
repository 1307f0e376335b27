// Package core is the vocabulary that all of hb shares, and this comment is
// the map of the house.
//
// hb turns a number of Linux machines into one cluster. Every protocol in it
// is a pure state machine
//
//	Step(now core.Instant, event) []effect
//
// without goroutine, socket, file, clock, global random source, logger or lock
// inside, and none of its effects depends on the order of a map. Time comes as
// an argument, randomness as a seeded generator at construction, a log line is
// an effect. What promises something leaves only after what it promises is on
// disk. Two drivers run the same machines: core/daemon on real sockets and
// disks, core/sim on virtual ones, from a seed.
//
// # Floors
//
// Imports point down, never up, and never sideways but where the table says so.
//
//	floor 0   core        IDs, Instant, Status, Load, Fault
//	          cron        when a cron line is due
//	          metric      figures, in the text format of Prometheus
//	          agenda      what happens in virtual time, and when
//	          wire        every message, log command and disk record, to bytes and back
//	          alloctest   what decoders may allocate, for their tests
//	floor 1   member      the membership table: which evidence overrides which
//	          detect      the contract of failure detectors; detect/swim and others fulfil it
//	          agree       which silent members the log shall call down, and when
//	          spread      which news rides on which packet, and how often
//	          membership  table, detector and spreading composed: the weak view as one machine
//	          discover    beacons, seeds, joining
//	          seal        datagrams that only members read, and only members made
//	          replog      election and log: the raft engine as one machine; voters; catch-up
//	          ledger      what the log means: directory, tasks; snapshots
//	          dispatch    which member gets which task
//	          timetable   which schedules are due
//	          lock        the leases of locks, at the clients' end and at the leader's
//	          runner      the life of the tasks on this machine
//	          supervise   how long their processes may run, with or without a daemon
//	floor 2   node        all of them as one machine; Event, Effect, Request
//	floor 3   store       write-ahead log and snapshots on a small file system interface
//	          recovery    what is left of a log whose majority is gone; snapshots taken away
//	          control     the local HTTP API: server, client, JSON types
//	          config      TOML to a checked Config
//	          pki         who may be in: the cluster's authority, nodes' credentials, join tokens
//	          enroll      how a machine gets credentials: founding, and being let in
//	          runnerd     the runner process: forks tasks, keeps their output, outlives the daemon
//	floor 4   daemon      the driver for real machines
//	          sim         the driver for virtual ones, and what must always hold; sim/lab
//	                      drives the weak view alone, to measure detectors, sim/balance
//	                      the dispatcher and its ledger, to measure the choice
//	above     commands    one file a subcommand; commands/render prints
//	          netutil     sockets and interfaces; knows nothing of core
//
// Sideways imports that are allowed, and why:
//
//	cron         → core    its complaints are Faults
//	wire         → core      datagrams carry its IDs, statuses and load
//	detect       → member    evidence is about rows of the table
//	detect/swim  → detect, detect/relay, member    it fulfils the contract on the table
//	detect/relay → detect, member    what every detector answers, whatever its kind
//	detect/heartbeat   → detect, detect/relay, member    the machine behind the next four
//	detect/central     → detect, detect/heartbeat    a scheme for it, as the others are
//	detect/ring        → detect, detect/heartbeat    likewise
//	detect/alltoall    → detect, detect/heartbeat    likewise
//	detect/gossip      → detect, detect/heartbeat    likewise
//	detect/kinds → detect, detect/swim, detect/central, detect/ring, detect/alltoall, detect/gossip    it lists them
//	detect/detecttest  → detect, member    the laboratory that all kinds are tried in
//	spread       → member    news is rows
//	membership   → member, detect, spread    the weak view runs alone in experiments, so
//	               it is composed below node; its tests run it with detect/swim
//	dispatch     → ledger    it reads the tasks and proposes what to do next
//	timetable    → ledger    it reads the schedules and proposes what to do next
//	lock         → ledger    it reads who has a lock, and proposes the end of who fell silent
//	recovery     → store     it works on the data directories of nodes that do not run
//	enroll       → pki, store, config    what is founded or let in is kept on disk, under a
//	               name that hb.toml would take
//	control      → node, ledger    its JSON is made from the node's answers, and it
//	               names the elements of tasks
//
// # Where to look
//
// `hb X` is commands/x.go; it makes a request of control; control turns it into
// a node.Request; node answers with a node.Reply. Which bytes are a ping:
// wire/datagram.go. Where a suspicion is refuted: detect/refute.go. What a
// log command means: ledger/apply.go. What is on disk: store/doc.go.
package core
