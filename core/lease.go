package core

import "time"

// The lease of exclusive attempts. A runner may let one run for Lease from the
// moment at which it sent a question that the leader has answered with yes; the
// leader lets LeaseGrace more pass, for clocks that go at other rates and for
// processes that take a moment to die, before it takes the attempt for ended.
const (
	Lease      = 10 * time.Second
	LeaseGrace = 2 * time.Second
)
