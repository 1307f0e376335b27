// Package wire is every message of hb as bytes, and nothing else: what a
// message means is said by the machine that sends or applies it.
//
// There are three kinds of bytes, and each has the layout that its place asks
// for.
//
//   - Datagrams (UDP: pings, acks, news, beacons) are many, small and must fit
//     one packet, so they have a hand-laid layout, described in datagram.go and
//     decoded in place. A datagram may be lost without harm.
//   - Streams (TCP) carry frames; the payload of each is one Envelope of
//     hb.proto. A stream has no state of its own: every Envelope says who sent
//     it, for which cluster and in which version, so that a connection may be
//     closed and opened again between any two frames. The length in front of a
//     frame belongs to netutil.
//   - The log and the disk keep Entry (one log entry: commands in order),
//     Record (one line of the write-ahead log or the journal), Identity and
//     Ledger (the body of a snapshot), all of hb.proto. Checksums and lengths
//     around them belong to core/store.
//
// # Versions
//
// Inside one version fields are only ever added, and numbers never reused:
// protobuf skips what it does not know, so an older node still reads what it
// understands. StreamVersion is raised only when that is not enough; a frame of
// another version is refused with ErrVersion, by name, and never half-read. An
// Envelope whose body is a later addition to the same version is refused the
// same way. In the log nothing may be skipped: it has a feature level
// (core.Features), below which what is new is not proposed, and core/ledger
// objects to entries that say more than it knows. Identity and Ledger carry a format number.
//
// # Determinism
//
// Encoding is deterministic within one build (map keys are sorted), as the
// simulator compares traces by hash. It is not promised between builds;
// nothing may compare encodings of different nodes.
//
// # Text
//
// Strings are UTF-8. A string that is not (a file name in an error message, a
// word of a command line) would make protobuf refuse the whole message, so
// Marshal mends it, and whoever takes text that must not change asks CheckText
// first and refuses.
//
// # Changing hb.proto
//
// Add fields, run go generate here, and commit both files.
package wire

//go:generate protoc --go_out=../.. --go_opt=module=hb -I . hb.proto
