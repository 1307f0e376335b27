package node

import (
	"time"

	"hb/core"
)

// diskStall is how long an append may be on its way before the node calls
// itself degraded: as long as an election takes.
const diskStall = 2 * time.Second

// diskWatch notices a disk that takes appends and does not finish them.
type diskWatch struct {
	last, done uint64       // the last append asked for, and the last on disk
	since      core.Instant // since when something has been outstanding without progress
}

func (d *diskWatch) append(now core.Instant, seq uint64) {
	if d.last == d.done {
		d.since = now
	}
	d.last = seq
}

func (d *diskWatch) synced(now core.Instant, seq uint64) { d.done, d.since = seq, now }

func (d *diskWatch) stalled(now core.Instant) bool {
	return d.last != d.done && now.Sub(d.since) > diskStall
}
