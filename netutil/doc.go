// Package netutil is what hb needs of a Linux machine's network and clock, and
// knows nothing of hb.
//
//	udp.go        a UDP socket that also tells which destination refused
//	beacon.go     broadcast and multicast on chosen interfaces
//	interfaces.go which interfaces, and which of their addresses to give others
//	frame.go      frames on a byte stream
//	pool.go       outgoing streams, one an address; answers to strangers, bounded
//	stream.go     one of them
//	direct.go     how the loop writes to it without waking anybody
//	accept.go     incoming streams
//	seats.go      how many of them, and who gives way
//	share.go      how much memory the frames of all, and of one peer, may take
//	guard.go      whose streams they are, and who is kept out
//	tls.go        the handshakes
//	expiry.go     streams end with the certificates that they began with
//	records.go    sealing without waiting
//	unix.go       the local socket, and who is at its other end
//	notify.go     what a service manager is told
//	clock.go      the clock that counts suspend
//	slack.go      how punctual timers are
//
// # Refused datagrams
//
// A UDP socket that is not connected never hears of ICMP errors, unless
// IP_RECVERR is set: then each one is queued with the destination that it is
// about (ip(7)). A refused datagram proves that a host lives and that nobody
// listens at that port, which tells the death of a process from the silence of
// a network within one round trip.
//
// # Beacons
//
// A call into the unknown has to leave through every chosen interface, whatever
// the routing table says: each packet carries its interface as control data
// (IP_PKTINFO). It goes to 255.255.255.255, to the subnet's own broadcast
// address, because some switches and firewalls pass only one of them, and to
// the multicast group. The socket hears on the wildcard address, since one that
// is bound to an address gets no broadcast; what came in through an interface
// that was not chosen is dropped. Beacons are IPv4 only: an IPv6 network has no
// broadcast, and its members are found by seeds.
//
// # Streams
//
// A stream goes one way, from the one who dialled to the one who accepted, as
// frames of four bytes length, big endian, and as many bytes. A length beyond
// the cap ends the stream before anything is allocated; below it, memory grows
// with what really arrives. Incoming streams take at most half of the files that
// the process may open, and those that say nothing give way to newcomers, so
// that holding connections open shuts nobody out. The sender never waits: a Pool
// queues a bounded number of bytes for each address, dials with back-off, and
// reports when frames may be lost. It does not resend, since the protocols above
// do, and know better.
//
// # TLS
//
// With a Guard every stream begins with a TLS 1.3 handshake in which both sides
// show certificates of one authority; the machine's own store of authorities and
// host names count for nothing. Until it is done the other side is a stranger:
// it has five seconds, sixteen kilobytes, and one of few places, of which the
// network address that holds most gives up its oldest first (GHSA-6vch-6vgr-m6v6,
// CVE-2020-7219). There are no session tickets: each stream begins with a look at
// the certificate and at who is barred; what is meant for one peer goes to nobody with
// another key, whatever certificate it shows. A peer that is barred loses what streams
// it has at once, and a stream ends with the certificates that it began with: the
// side that dialled opens another before that. Sealing is done by whoever sends, into
// memory, so that it never waits for a peer either.
package netutil
