package sim

import (
	"math/rand/v2"

	"hb/core/store"
)

// Disk is a virtual disk: a store.FS that keeps exactly what the contract of
// store.FS promises and, at a power cut, loses as much of the rest as its
// random source likes. A process that merely ends loses nothing: open the same
// Disk again.
type Disk struct {
	store.FS // soon
	r        *rand.Rand
}

// NewDisk makes an empty disk. All chance comes from r.
func NewDisk(r *rand.Rand) *Disk { return &Disk{r: r} }

// Crash cuts the power: of what was not synced, a random part is lost, by
// sectors and by changes of names. Open files are dead.
func (d *Disk) Crash() { panic("soon") }

// CutAfter cuts the power by itself after n more operations (reads not
// counted): they and all later ones fail until Crash is called.
func (d *Disk) CutAfter(n int) { panic("soon") }

// FailSync makes the next Sync of a file fail, with EIO. As on Linux, what it
// should have made durable may or may not be, and no later Sync will tell.
func (d *Disk) FailSync() { panic("soon") }

// Limit sets how many bytes fit on the disk; 0 is no limit. Writes beyond it
// fail with ENOSPC; bytes that a file already has can always be overwritten.
func (d *Disk) Limit(bytes int64) { panic("soon") }

// Flip turns one random bit of a random file over, durably, and says which;
// "" when all files are empty.
func (d *Disk) Flip() string { panic("soon") }
