// Package discover finds clusters to join. It never founds one: two groups
// that cannot see each other would each found its own, however high the number
// they wait for (hashicorp/raft#114, consul#454).
//
// # Whoever has no cluster
//
// asks. Its seeds, in turn, one join at a time, all over again with growing
// pauses (150 ms doubling to 10 s, ±25 %) until it is welcomed; the names are
// resolved anew for each pass. And everybody near, by beacons with the same
// pauses: a call with the zero cluster. Whoever answers is asked to let it in.
// A refusal that is final takes an address off the list until the next answer
// or resolution brings it again no sooner than a minute later.
//
// A member that hears no other, although there should be some, does the same
// with its own cluster's tag, and asks only members of that cluster.
//
// # Whoever has one
//
// answers a call of strangers and of its own cluster at once, with its address.
// In a large cluster not all do: the leader always, the others with a chance
// that lets about four answer. Moreover the leader sends a beacon every 10 s.
// A call is always wire.BeaconSize long and no answer is longer, so nobody is
// worth using as an amplifier.
//
// A census (`hb probe --lan`) is answered by every node that has beacons, member
// or not, with its name, its address and its version; it may come from whoever
// is near.
//
// A beacon of another cluster, or of another version of the protocol, is said
// once for each source: two clusters on one wire are usually a mistake.
package discover
