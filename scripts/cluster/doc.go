// Package cluster tests hb as its users run it: the built binary, real
// processes, real sockets, on loopback and in network namespaces of its own.
// What a protocol does under faults is the simulator's matter (core/sim); what
// is tested here is that the drivers, the commands and the protocols together
// keep what the README says.
package cluster
