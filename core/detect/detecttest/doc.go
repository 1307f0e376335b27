// Package detecttest is the one suite that all failure detectors of hb must
// pass: the same seeds, the same traces of faults, the same models of loss, in
// virtual time. For each kind it holds what the kind promises and also what it
// is known to miss, in figures: a detector that suddenly finds what it cannot
// find has a fault, too, or has become another detector.
//
// Lab is a small world around bare detectors: for each member a table and a
// detector, and between them a network that delays and loses packets. It does
// what core/membership does as far as a detector can tell: claims are merged,
// accusations and refutations ride on packets, and other members hear of claims
// (Options.Spread) or do not, so that each goes by what it finds itself.
//
// How dissemination fares when packets are lost is the matter of core/spread
// and core/membership, how whole nodes fare that of core/sim.
package detecttest
