package sim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"

	"hb/core"
	"hb/core/store"
)

// Disk is a virtual disk: a store.FS that keeps exactly what the contract of
// store.FS promises and, at a power cut, loses as much of the rest as its
// random source likes. A process that merely ends loses nothing: open the same
// Disk again.
//
// Every file has what its readers see (the page cache) and what is durable.
// Sync copies the one to the other; a crash copies a random part of the sectors
// that were not synced, and then forgets the page cache. Names change in a list
// of operations: SyncDir makes all up to the last in that directory durable, as
// a journaling file system does; a crash keeps a beginning of the rest, or, half
// of the time, any part of it, as other file systems may.
type Disk struct {
	r       *rand.Rand
	names   map[string]*inode // as processes see them; nil is a directory
	durable map[string]*inode
	ops     []nameOp // changes of names that are not durable yet, in order

	life     int // counts crashes: handles of an earlier life are dead
	locked   bool
	left     int // operations before the power goes; -1: it does not
	dark     bool
	failSync bool
	failed   bool // a sync did, in this life
	limit    int64
}

// inode is a file: its bytes now, its durable bytes, and which sectors differ.
type inode struct {
	now, kept []byte
	dirty     map[int]bool
}

// nameOp is one change of names: to gets the file, from (if any) loses it. An
// empty to removes.
type nameOp struct {
	from, to string
	file     *inode
}

const diskSector = 512

var errPower = errors.New("the power is gone")

// NewDisk makes an empty disk. All chance comes from r.
func NewDisk(r *rand.Rand) *Disk {
	return &Disk{r: r, left: -1, names: map[string]*inode{}, durable: map[string]*inode{}}
}

// Crash cuts the power: of what was not synced, a random part is lost, by
// sectors and by changes of names. Open files are dead.
func (d *Disk) Crash() {
	d.life++
	d.locked, d.dark, d.left, d.failSync = false, false, -1, false
	keep := d.r.IntN(len(d.ops) + 1)
	ordered := d.r.IntN(2) == 0
	for i, op := range d.ops {
		if ordered && i < keep || !ordered && d.r.IntN(2) == 0 {
			op.apply(d.durable)
		}
	}
	d.ops = nil
	d.names = maps.Clone(d.durable)
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		if f := d.names[name]; f != nil {
			f.tear(d.r)
		}
	}
}

// CutAfter cuts the power by itself after n more operations (reads not
// counted): they and all later ones fail until Crash is called.
func (d *Disk) CutAfter(n int) { d.left = n }

// FailSync makes the next Sync of a file fail, with EIO. As on Linux, what it
// should have made durable may or may not be, and no later Sync will tell.
func (d *Disk) FailSync() { d.failSync = true }

// Limit sets how many bytes fit on the disk; 0 is no limit. Writes beyond it
// fail with ENOSPC; bytes that a file already has can always be overwritten.
func (d *Disk) Limit(bytes int64) { d.limit = bytes }

// Flip turns one random bit of a random file over, durably, and says which;
// "" when all files are empty.
func (d *Disk) Flip() string {
	total := 0
	for _, f := range d.names {
		if f != nil {
			total += len(f.now)
		}
	}
	if total == 0 {
		return ""
	}
	at, bit := d.r.IntN(total), d.r.IntN(8)
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		f := d.names[name]
		if f == nil {
			continue
		}
		if at < len(f.now) {
			f.now[at] ^= 1 << bit
			if at < len(f.kept) {
				f.kept[at] ^= 1 << bit
			}
			return fmt.Sprintf("%s, byte %d, bit %d", name, at, bit)
		}
		at -= len(f.now)
	}
	return ""
}

// act counts an operation that changes something. After the error the power is
// gone, perhaps with the operation half done.
func (d *Disk) act() error {
	if d.dark {
		return errPower
	}
	if d.left == 0 {
		d.dark = true
		return errPower
	}
	if d.left > 0 {
		d.left--
	}
	return nil
}

// change carries out and remembers a change of names. The one at which the
// power goes may have reached the disk.
func (d *Disk) change(op nameOp) error {
	if d.dark {
		return errPower
	}
	op.apply(d.names)
	d.ops = append(d.ops, op)
	return d.act()
}

func (op nameOp) apply(names map[string]*inode) {
	if op.from != "" {
		delete(names, op.from)
	}
	if op.to != "" {
		names[op.to] = op.file
	}
}

// in says whether the change is one of a directory.
func (op nameOp) in(dir string) bool {
	return op.from != "" && parent(op.from) == dir || op.to != "" && parent(op.to) == dir
}

func parent(name string) string {
	dir, _, found := cutLast(name)
	if !found {
		return ""
	}
	return dir
}

func cutLast(name string) (dir, base string, found bool) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// Path is the name behind a slash.
func (d *Disk) Path(name string) string { return path.Join("/disk", name) }

// Lock refuses a second user.
func (d *Disk) Lock() (func() error, error) {
	if d.locked {
		return nil, core.Faultf(core.CodeBusy, "/disk is in use by another process")
	}
	d.locked = true
	life := d.life
	return func() error {
		if d.life == life {
			d.locked = false
		}
		return nil
	}, nil
}

// Random is from the seed.
func (d *Disk) Random() uint64 { return d.r.Uint64() }

// List gives the sorted names in a directory.
func (d *Disk) List(dir string) ([]string, error) {
	var found []string
	for name := range d.names {
		if parent(name) == dir {
			_, base, _ := cutLast(name)
			found = append(found, base)
		}
	}
	slices.Sort(found)
	return found, nil
}

// MkdirAll makes a directory; one level is all that the store needs.
func (d *Disk) MkdirAll(dir string) error {
	if _, ok := d.names[dir]; ok || dir == "" {
		return nil
	}
	return d.change(nameOp{to: dir})
}

// Create makes or empties a file.
func (d *Disk) Create(name string) (store.File, error) {
	if dir := parent(name); dir != "" {
		if f, ok := d.names[dir]; !ok || f != nil {
			return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrNotExist}
		}
	}
	f := d.names[name]
	if f == nil {
		f = &inode{dirty: map[int]bool{}}
		if err := d.change(nameOp{to: name, file: f}); err != nil {
			return nil, err
		}
	} else if err := d.act(); err != nil {
		return nil, err
	}
	f.touch(0, len(f.now))
	f.now = nil
	return &diskFile{d: d, f: f, life: d.life}, nil
}

// Open opens a file that is there.
func (d *Disk) Open(name string) (store.File, error) {
	f := d.names[name]
	if f == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &diskFile{d: d, f: f, life: d.life}, nil
}

// Rename moves a name.
func (d *Disk) Rename(from, to string) error {
	f := d.names[from]
	if f == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	return d.change(nameOp{from: from, to: to, file: f})
}

// Remove takes a name away.
func (d *Disk) Remove(name string) error {
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	return d.change(nameOp{from: name})
}

// SyncDir makes names durable, in order, up to the last change in dir.
func (d *Disk) SyncDir(dir string) error {
	if err := d.act(); err != nil {
		return err
	}
	for i := len(d.ops) - 1; i >= 0; i-- {
		if d.ops[i].in(dir) {
			for _, op := range d.ops[:i+1] {
				op.apply(d.durable)
			}
			d.ops = slices.Delete(d.ops, 0, i+1)
			break
		}
	}
	return nil
}

// touch marks bytes as not synced.
func (f *inode) touch(from, to int) {
	for s := from / diskSector; s*diskSector < to; s++ {
		f.dirty[s] = true
	}
}

// sync makes sectors durable: all of them, or those that fate picks.
func (f *inode) sync(pick func() bool) {
	size := len(f.now)
	if len(f.now) != len(f.kept) && !pick() {
		size = len(f.kept)
	}
	f.kept = resize(f.kept, size)
	for _, s := range slices.Sorted(maps.Keys(f.dirty)) {
		from, to := s*diskSector, min((s+1)*diskSector, size, len(f.now))
		if pick() && from < to {
			copy(f.kept[from:to], f.now[from:to])
		}
	}
	clear(f.dirty)
}

// tear is what a power cut does to a file.
func (f *inode) tear(r *rand.Rand) {
	if len(f.dirty) > 0 || len(f.now) != len(f.kept) {
		chance := []float64{0, 0.1, 0.5, 0.9, 1}[r.IntN(5)]
		f.sync(func() bool { return r.Float64() < chance })
	}
	f.now = slices.Clone(f.kept)
}

func resize(b []byte, n int) []byte {
	if n <= len(b) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-len(b))...)
}

// diskFile is an open file.
type diskFile struct {
	d    *Disk
	f    *inode
	life int
}

// act refuses the files of a machine that lost its power.
func (h *diskFile) act() error {
	if h.life != h.d.life {
		return errPower
	}
	return h.d.act()
}

func (h *diskFile) ReadAt(p []byte, off int64) (int, error) {
	if h.life != h.d.life {
		return 0, errPower
	}
	if off >= int64(len(h.f.now)) {
		return 0, io.EOF
	}
	n := copy(p, h.f.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *diskFile) WriteAt(p []byte, off int64) (int, error) {
	dark := h.d.dark
	err := h.act()
	if err != nil && (dark || h.life != h.d.life) {
		return 0, err
	}
	end := off + int64(len(p))
	if grow := end - int64(len(h.f.now)); grow > 0 {
		if h.d.limit > 0 && h.d.used()+grow > h.d.limit {
			return 0, syscall.ENOSPC
		}
		h.f.touch(len(h.f.now), int(end))
		h.f.now = resize(h.f.now, int(end))
	}
	copy(h.f.now[off:], p)
	h.f.touch(int(off), int(end))
	return len(p), err
}

func (d *Disk) used() int64 {
	total := int64(0)
	for _, f := range d.names {
		if f != nil {
			total += int64(len(f.now))
		}
	}
	return total
}

// Sync makes the file durable, or fails as it was told to.
func (h *diskFile) Sync() error {
	if err := h.act(); err != nil {
		return err
	}
	if h.d.failSync {
		h.d.failSync, h.d.failed = false, true
		h.f.sync(func() bool { return h.d.r.IntN(2) == 0 })
		return syscall.EIO
	}
	h.f.sync(func() bool { return true })
	return nil
}

// Size is the length that readers see.
func (h *diskFile) Size() (int64, error) {
	if h.life != h.d.life {
		return 0, errPower
	}
	return int64(len(h.f.now)), nil
}

func (h *diskFile) Close() error { return nil }

// Copy makes another disk with the same content, as all readers see it, and all
// of it durable: a backup.
func (d *Disk) Copy(r *rand.Rand) *Disk {
	c := NewDisk(r)
	for name, file := range d.names {
		if file != nil {
			file = &inode{now: slices.Clone(file.now), kept: slices.Clone(file.now), dirty: map[int]bool{}}
		}
		c.names[name], c.durable[name] = file, file
	}
	return c
}
