// Package chart draws what commands measured: a few panels on one sheet, as SVG
// or PNG.
//
// A panel has two kinds of series. A line is what theory says and lies behind; a
// row of points is what was measured, with bars for its uncertainty where there
// are any. A point belongs to the line of its colour. The colours are those of
// Okabe and Ito, which most colour-blind people can tell apart; shapes differ
// too.
//
// This package alone imports gonum.org/v1/plot.
package chart
