package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"hb/core"
)

// OS is the file system of this machine below dir, which is made if it is not
// there (mode 0700). The error is a *core.Fault.
func OS(dir string) (FS, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault(dir, err)
	}
	// A directory that is not ours is told here, before anything is tried in it.
	if err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
		return nil, fault(dir, err)
	}
	return realFS{dir}, nil
}

type realFS struct{ dir string }

// Path is the full name.
func (r realFS) Path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

// Lock holds a flock on the file "lock", which goes with the process, however
// it ends. The file says who holds it.
func (r realFS) Lock() (func() error, error) {
	f, err := os.OpenFile(r.Path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault(r.Path("lock"), err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, err
		}
		b := make([]byte, 32)
		n, _ := f.ReadAt(b, 0)
		who := "another process"
		if pid := strings.TrimSpace(string(b[:n])); pid != "" {
			who = "process " + pid
		}
		return nil, core.Faultf(core.CodeBusy, "%s is in use by %s", r.dir, who).
			WithHint("a data directory belongs to one node: stop the other, or name another with --data")
	}
	if err := f.Truncate(0); err == nil {
		fmt.Fprintln(f, os.Getpid())
	}
	return f.Close, nil
}

// Random asks the kernel.
func (r realFS) Random() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// List reads a directory.
func (r realFS) List(dir string) ([]string, error) {
	found, err := os.ReadDir(r.Path(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, len(found))
	for i, e := range found {
		names[i] = e.Name()
	}
	return names, err
}

// MkdirAll makes a directory for this user alone.
func (r realFS) MkdirAll(dir string) error { return os.MkdirAll(r.Path(dir), 0o700) }

// Create makes or empties a file for this user alone.
func (r realFS) Create(name string) (File, error) {
	return open(r.Path(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Open opens a file that is there.
func (r realFS) Open(name string) (File, error) { return open(r.Path(name), os.O_RDWR) }

func open(name string, flags int) (File, error) {
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return realFile{f}, nil
}

// Rename is rename(2).
func (r realFS) Rename(from, to string) error { return os.Rename(r.Path(from), r.Path(to)) }

// Remove is unlink(2).
func (r realFS) Remove(name string) error { return os.Remove(r.Path(name)) }

// SyncDir is fsync of the directory itself.
func (r realFS) SyncDir(dir string) error {
	d, err := os.Open(r.Path(dir))
	if err != nil {
		return err
	}
	err = d.Sync()
	if e := d.Close(); err == nil {
		err = e
	}
	return err
}

type realFile struct{ *os.File }

// Sync is fdatasync: the segments have their length already, so nothing but
// the data has to reach the disk.
func (f realFile) Sync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// Size asks for the length.
func (f realFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
