// Package cron says when something is due that a cron line describes.
//
// A line has five fields (minute, hour, day of the month, month, day of the
// week, with lists, ranges, steps, and names of months and days), or is one of
// @hourly, @daily, @weekly, @monthly, @yearly and @every DURATION. The fields are
// read by robfig/cron; what is said here is what that leaves open. Nothing in this
// package reads a clock: all times come and go as Unix nanoseconds.
//
// # Days when clocks are set
//
// A line whose minute or hour is a "*" (or */5) means a rhythm: it goes on evenly
// while the hands of the clock are moved. Any other line means times of day, each
// of which is due exactly once on each of its days, as Debian's cron has it: a
// time that the clock skips in spring is due when it has skipped it, a time that
// it shows twice in autumn is due the first time.
//
// # Time zones
//
// Zones are those of the machine (/usr/share/zoneinfo), or, where it has none, of
// the copy that is linked in: a static binary must not fail at 02:30 because a
// package is missing. Only the leader asks what is due and the log keeps what it
// fired, so members with different copies never disagree about the past.
package cron
