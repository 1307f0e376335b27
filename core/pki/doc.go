// Package pki is who may be in a cluster: its own certificate authority, the
// credentials of each node, and the tokens that let further machines in.
//
// # Intuition
//
// A cluster has one key that says who belongs to it, the authority's. Whoever
// founds the cluster makes it. A machine that wants in makes keys of its own,
// and proves with a token that somebody inside wants it; then the authority
// signs a certificate that says "node N is a member of cluster C". With that two
// nodes prove to each other who they are, by TLS 1.3, and nobody else can.
//
//	authority    Ed25519. Its certificate (CA) never expires: nothing would be
//	             gained by a day on which a cluster ends.
//	node's keys  Ed25519 to sign with (TLS), X25519 to be sent secrets with
//	             (HPKE, RFC 9180); made by the node, never sent.
//	certificate  of the node's Ed25519 key, for Lifetime, renewed by the node
//	             itself when a third of that is left, and back-dated by BackDate,
//	             because clocks of machines that are only just being set up are
//	             off.
//
// # What a certificate says
//
// The subject's common name is the node's name, for people. What counts is the
// one URI, hb://CLUSTER/member/NODE, which IdentityOf reads; "member" is the role.
// The DNS names are there so that the standard library's verification fits
// as it is: CLUSTER.hb.internal is in the certificate of every node,
// NODE.CLUSTER.hb.internal in that of one. So a client that dials whoever answers
// sets ServerName(cluster, 0), one that means a node ServerName(cluster, node).
//
// # Two doors, one port
//
// Both are TLS 1.3 on the node's port, told apart by ALPN. ProtoStream is for
// members: both sides show certificates. ProtoJoin is for machines without one:
// the client shows none, says one frame, hears one frame (core/enroll), and can
// reach nothing else. There the server shows its certificate and the CA's,
// and the client holds the latter against the fingerprint in its token
// (VerifyInvitation): so nobody who sits in between learns the secret.
//
// # Tokens
//
// A token is text that can be double-clicked, copied and pasted: "hb1_" and 66
// lower-case letters and digits, base32 (RFC 4648's extended hex alphabet) of
//
//	0   16  the first half of the SHA-256 of the CA's certificate (Fingerprint)
//	16  16  the secret, random
//	32  5   its expiry, Unix time in seconds, big endian
//	37  4   CRC-32C of all before, so that a slip of the hand is told from a
//	        token that was revoked
//
// Half a hash is enough: to pass for the cluster, an impostor needs another CA of
// the same fingerprint, 2^128 attempts. The cluster keeps SHA-256 of the secret
// only (Token.Hash), and judges expiry by its own copy of it; the one in the
// token is for people.
//
// # Where the authority's key is
//
// Nowhere in the clear: the log keeps it once for each voter, sealed to that
// voter's X25519 key (Authority.SealFor). A voter opens its copy in memory
// (OpenAuthority); a member that does not vote has none that it could open.
//
// # Limits
//
// There is no list of revoked certificates to fetch: the log is that list, and
// each handshake asks it. The authority's key is never replaced. Whoever holds
// the disk of a voter can found members of the cluster.
//
// Nothing here reads a clock or makes keys of its own: time and randomness are
// given, but for HPKE, which draws from the standard library's source, and so
// belongs to drivers.
package pki
