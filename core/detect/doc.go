// Package detect is the contract of failure detectors: what one is told, and
// what it may say.
//
// A detector is a pure machine. It sees the membership table (read only), is
// told what comes in, and answers with packets to send and with claims:
// evidence about members, each with who says so and why. It never decides what
// the table holds. Its claims are merged by core/member like everybody's, and
// what came of them it learns from Changed.
//
// The split keeps five detectors small. Whoever runs one (core/membership)
// looks after everything that does not depend on how failures are found: which
// news ride on which packet, hints for the log, view hashes, joining, leaving,
// healing. It fills in the header of each packet the detector sends (cluster,
// sender, log, view, load) and adds news; a detector sets only the kind, the
// nonce, the target and its address.
//
// # What every detector must do
//
//   - answer what its kind's members ask (SWIM: an ack for a ping);
//   - claim Suspect, then Dead, or Dead at once where its algorithm has no
//     suspicion, with its own node as accuser;
//   - refute: an Accused about this node itself is answered with a Claim of
//     Alive at a greater incarnation;
//   - gate: after a pause of its own, and while it hears nobody, judge nobody.
//
// # What it may rely on
//
// Packets are of this cluster and from another node. Changed comes for each
// change of the table, also for those by its own claims, before the next
// event. Refused comes only for members of the table.
package detect
