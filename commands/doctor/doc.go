// Package doctor gathers what is known of a machine, its network and its cluster;
// hb/commands/doctor/judge says what of it is wrong.
//
// It looks and asks, and changes nothing: it joins nothing, counts no token, starts
// no node, and writes only a small file to the data directory, to see how long that
// takes, which it deletes. It needs neither a node nor root; without one of them it
// sees less, and what was not seen is left out of the facts.
//
//	doctor.go    Gather: the order of it all
//	local.go     files, disk, credentials, the process
//	node.go      the node behind the socket, and what it says of the others
//	network.go   interfaces, ports, addresses, what the own firewall drops
//	door.go      members that are asked directly, as hb join would
//	firewall.go  which firewall there is
//	kernel.go    the kernel's counters
package doctor
