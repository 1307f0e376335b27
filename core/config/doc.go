// Package config turns hb.toml into a checked Config, or into every fault it
// has, each with its line, its column and what would be right.
//
// One table (keys.go) says of each key its name, kind, default, bounds and
// meaning. The parser, the findings, the commented default file, the effective
// one and the page hb.toml(5) are all made from that table, so that none of
// them can lag behind another. A new key is one row there and one field here.
//
// Reading goes in three steps. The TOML library parses the text; where it stops
// at a fault of syntax, that line is blanked and the rest is read again, so that
// one typo does not hide the others (parse.go). A small scanner of our own finds
// the line and column of each key, which the library does not tell (locate.go).
// Then each key is held against the table (check.go); an unknown key is
// answered with the nearest known one.
//
// A faulty key keeps its default, so a caller always has a whole Config; it
// should nevertheless refuse to start on any finding (exit 78), because a
// default in place of what somebody wrote is a surprise.
package config
