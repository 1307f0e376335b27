// Package chart draws what commands measured: a few panels on one sheet, as SVG
// or PNG.
//
// A panel has two kinds of series. A line is what theory says and lies behind; a
// row of points is what was measured, with bars for its uncertainty where there
// are any. A point belongs to the line of its colour. The colours are those of
// Okabe and Ito, which most colour-blind people can tell apart; shapes differ
// too.
//
// A Panel makes its axes (axis.go, ticks.go) and lays itself out (panel.go,
// legend.go) on a canvas, which knows lines, areas and words; there is one that
// writes SVG and one of pixels. Nothing here does anything before it is called: a
// library for plots made every command of hb wait for its fonts.
package chart
