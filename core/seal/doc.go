// Package seal makes the datagrams of a cluster with credentials readable and
// believable to its members only.
//
// # The keys
//
// All members share one secret of 32 bytes, the generation key. Nothing is
// sealed with it: every start of every member has a key of its own,
//
//	HKDF-SHA-256(secret: generation key, salt: cluster tag,
//	             info: "hb datagram" ‖ generation ‖ sender ‖ instance)
//
// of which the first 32 bytes are for AES-256-GCM and the last 4 begin each
// nonce. The other 8 bytes of a nonce are a counter. A counter is never used
// twice under one key: it only rises while the process runs, and the next start
// has another instance, which is on disk before the first datagram leaves, and
// so another key. The counter begins at a random place, so that two processes
// which run with copies of one data directory, and therefore with one key, do
// not meet on a nonce either.
//
// What is for one member alone is sealed for that member: its NodeID is among
// the associated data, so that it is of no use to send it to somebody else.
//
// A key that depends on the generation alone proves that the sender is some
// member, not which. Where that matters (core/node says where) a pair of
// members adds the secret that their wrapping keys have in common, which only
// those two know (X25519), to the secret, and the receiver to the info.
//
// # Layout of a sealed datagram, version 1
//
// Numbers are big-endian.
//
//	 0  2  "hs"
//	 2  1  version: 1
//	 3  1  flags: bit 0 it is for everybody, bit 1 sealed with a pair's key
//	 4  4  generation
//	 8  8  sender: NodeID
//	16  4  instance of the sender
//	20  8  counter
//	28     the plain datagram, encrypted (wire/datagram.go)
//	    16 tag of AES-GCM
//
// The associated data is the header as it travels, then the 8 bytes of the
// cluster's tag, then the 8 of the receiver's NodeID; zero for everybody. So
// 44 bytes are added. Nothing is compressed.
//
// # Replays
//
// Each sender's counters are remembered in a window as in RFC 6479: the highest
// one seen, and for the 960 below it whether they were. Whatever is older, or was
// there before, is dropped unread. A start older than the latest one heard of
// the same member is dropped likewise, but once its tag was found right: what
// runs there, with a data directory from a backup perhaps, is to be told.
//
// Nothing is remembered of a sender before the tag of one datagram was found
// right, so a flood of made-up senders costs time, and no memory. At most
// MaxSenders are remembered, far more than a cluster has; beyond that the one
// that was silent for longest is forgotten.
//
// # Rotation
//
// A new generation comes through the log, wrapped to each member's own key. All
// do not apply it at the same moment, and those who do not vote hear of it by
// datagrams. So whoever learns a key still seals with the last one for Settle,
// and opens what is sealed with it for Grace. After that the last key is gone
// from memory.
//
// # Limits
//
// Who restarts has forgotten all windows: what was sent to it before, by starts
// that still run, can then be played to it once more, until it hears from the
// sender itself. So core/node answers members only where it knows them to be,
// and what it acts upon carries an instance, an incarnation or a term.
//
// A member that means harm can seal in the name of another one, but for pairs.
package seal
