package core

import "time"

// Stamp writes a Unix time in nanoseconds for people: RFC 3339, UTC, in seconds.
func Stamp(unixNanos int64) string { return time.Unix(0, unixNanos).UTC().Format(time.RFC3339) }
