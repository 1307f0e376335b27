package sim

import (
	"io"
	"time"

	"hb/core/replog"
	"hb/core/supervise"
)

// Options says which world to make. The zero value of a field means what its
// comment says.
type Options struct {
	// Seed is where all chance comes from.
	Seed uint64
	// Nodes is the number of hosts; default 5. The first founds the cluster.
	Nodes int
	// Time is how much virtual time Run simulates; default one minute.
	Time time.Duration
	// Quiet is how much of it, at the end, is healed and free of faults;
	// default a third.
	Quiet time.Duration
	// Linger is how long tasks go on without their node; default for ever.
	Linger time.Duration
	// Slots is how many tasks a node runs at once; default 2.
	Slots int
	// Detector and Spread are the nodes' failure detector and how news of
	// members leaves them; default what a node's are.
	Detector, Spread string
	// Sealed gives all nodes credentials, so that they seal their datagrams; in
	// Run, every third seed has it.
	Sealed bool
	// Tokens lets only the founder in from the beginning: the others need a join
	// token (node.Enroll) before they start. It takes Sealed.
	Tokens bool
	// Voters is how many nodes vote; default 3.
	Voters int
	// Net is the network in ordinary times; the zero value is a healthy one.
	Net Network
	// Disk is the disks in ordinary times; the zero value is healthy.
	Disk Storage
	// Log bounds the nodes' logs. The default makes snapshots frequent in every
	// second seed, and leaves the production's bounds in the others.
	Log replog.Limits
	// Faults is what goes wrong during Run; the zero value is nothing.
	Faults Faults
	// Clients is how many clients work during Run; default 4.
	Clients int
	// Watch sees every call of a client when it is over, and every task when the
	// log first tells something new of it; nil: nobody does.
	Watch func(Seen)
	// Trace gets every event and effect as a line; nil writes none.
	Trace io.Writer
}

// Network is how datagrams and frames fare. Probabilities are 0 to 1.
type Network struct {
	// Delay is the least one-way delay, default 100 µs; Jitter the mean of the
	// exponentially distributed rest, default 200 µs.
	Delay, Jitter time.Duration
	// Loss, Duplicate and Reorder are the probabilities that a datagram is
	// dropped, that it arrives twice, and that it is overtaken. A lost piece of
	// a stream is sent again and only costs time.
	Loss, Duplicate, Reorder float64
}

// Storage is how long disks take.
type Storage struct {
	// Sync is the least time of one sync, default 300 µs; Jitter the mean of
	// the exponentially distributed rest, default 300 µs.
	Sync, Jitter time.Duration
}

// Faults says how often something goes wrong and how likely each kind is among
// the faults: weights, zero for never.
type Faults struct {
	// Every is the mean time between two faults; default 1.5 s.
	Every time.Duration
	// Pause stops a process for a while (SIGSTOP); its mail waits.
	Pause int
	// Kill ends a process (SIGKILL) and starts it again later; its tasks go on.
	Kill int
	// Runner ends a runner process (SIGKILL), half of the time its node, too.
	Runner int
	// Power cuts a host's power: processes and unsynced writes are lost.
	Power int
	// Blackout is Power for all hosts at once.
	Blackout int
	// Partition splits the hosts in two groups; OneWay lets one direction pass.
	Partition, OneWay int
	// Loss is a burst of lost, late and doubled datagrams.
	Loss int
	// SlowDisk makes one disk a hundred times slower for a while.
	SlowDisk int
	// Clock makes one wall clock jump.
	Clock int
	// Stop is an orderly end (SIGTERM) and a later start, or an orderly restart.
	Stop int
	// Rot ends a host and turns bits of its disk over before it comes back; Wipe
	// brings it back with an empty disk. Both strike one disk at a time, until
	// the voters no longer rest on what it held (wound.go).
	Rot, Wipe int
	// FailSync makes the next sync of a disk fail, which ends its node; Full
	// leaves a disk no room for a while.
	FailSync, Full int
	// Sever breaks the connections between two hosts with all that is under way
	// in them, such as half a snapshot.
	Sever int
	// Move brings a host back at another address; Removal moves all at once.
	Move, Removal int
	// Ambush is, in percent, how often a message of an election brings
	// misfortune on those between whom it travels, within its own time of
	// travel; messages about tasks do so ten times more rarely.
	Ambush float64
}

// AllFaults is every kind of fault, in the proportions of scripts/seeds.
func AllFaults() Faults {
	return Faults{
		Every: 1500 * time.Millisecond,
		Pause: 3, Kill: 4, Runner: 2, Power: 3, Blackout: 1, Partition: 4, OneWay: 2,
		Loss: 2, SlowDisk: 2, Clock: 1, Stop: 1, Ambush: 10,
		Rot: 2, Wipe: 1, FailSync: 1, Full: 2, Sever: 1, Move: 1, Removal: 1,
	}
}

func (o Options) withDefaults() Options {
	o.Nodes = or(o.Nodes, 5)
	o.Time = or(o.Time, time.Minute)
	o.Quiet = or(o.Quiet, o.Time/3)
	o.Slots = or(o.Slots, 2)
	o.Linger = or(o.Linger, supervise.Forever)
	o.Clients = or(o.Clients, 4)
	o.Net.Delay = or(o.Net.Delay, 100*time.Microsecond)
	o.Net.Jitter = or(o.Net.Jitter, 200*time.Microsecond)
	o.Disk.Sync = or(o.Disk.Sync, 300*time.Microsecond)
	o.Disk.Jitter = or(o.Disk.Jitter, 300*time.Microsecond)
	if o.Log == (replog.Limits{}) && o.Seed%2 == 0 {
		o.Log = shortLog()
	}
	o.Faults.Every = or(o.Faults.Every, 1500*time.Millisecond)
	return o
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
