// Package enroll is how a machine gets credentials: by founding a cluster, or by
// being let into one with a join token.
//
// # The exchange
//
// A joiner dials a member's port by TLS 1.3, asks for pki.ProtoJoin, shows no
// certificate, and sees the member's and the authority's. It holds the latter
// against the fingerprint in its token (pki.VerifyInvitation) before it says
// anything: whoever sits in between learns nothing, and a joiner with the token
// of another cluster is told so. Then one frame each way, as all streams lay them
// out (netutil):
//
//	joiner → member   Enroll: the token's secret, the ID it wants, its name and
//	                  public keys, and a proof
//	member → joiner   Enrolled: its certificate, or why not
//
// The proof is a signature, by the joiner's key, of a secret that only the two ends
// of this connection have (RFC 5705's exporter): it shows that the joiner holds
// the key that it wants a certificate of, and cannot be used by anybody else.
//
// The member makes of it a request to its own node (node.Enroll), and the log
// judges the token, whichever member was asked. If the answer is lost the joiner
// asks again, with the same keys, and is counted once: its node ID is made of its
// keys (pki.PublicKeys.NodeID), and they are on its disk before it asks.
//
// # Founding
//
// Found makes the authority, lets in the machine itself, and makes the first
// token, all in the ledger with which the log begins. The token's secret is
// derived from the machine's keys, so that founding twice gives the same.
//
// # Limits
//
// A member answers one machine in some milliseconds (a commit, a signature,
// another commit). How many it hears at a time, and for how long, the listener
// bounds.
package enroll
