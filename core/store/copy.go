package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"hb/core"
)

// ReadOnly is the data directory of a node that does not run, for looking at:
// nothing in it is changed, nor could it be. An error is a *core.Fault:
// CodeUnheard when there is no such directory, CodeBusy when a node runs on it.
// Only Copy can be made of it.
func ReadOnly(dir string) (FS, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, core.Faultf(core.CodeUnheard, "there is no directory %s", dir)
	case err != nil:
		return nil, fault(dir, err)
	case !info.IsDir():
		return nil, core.Faultf(core.CodeBadInput, "%s is no directory", dir)
	}
	lock, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return readOnly{realFS{dir}}, nil // no node ever ran here, or this is a copy
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return nil, core.Faultf(core.CodeBusy, "a node runs on %s", dir).WithHint("stop it first")
	}
	return readOnly{realFS{dir}}, nil
}

type readOnly struct{ realFS }

// Open opens a file for reading.
func (r readOnly) Open(name string) (File, error) {
	f, err := os.Open(r.Path(name))
	if err != nil {
		return nil, err
	}
	return realFile{f}, nil
}

// memberFiles lists what makes a directory a member's, in the order in which it
// can be trusted: the identity last.
func memberFiles(fsys FS) (names []string, err error) {
	for _, dir := range []string{walDir, snapDir, journalDir} {
		found, err := fsys.List(dir)
		if err != nil {
			return nil, fault(fsys.Path(dir), err)
		}
		for _, name := range found {
			if ext := path.Ext(name); ext == ".wal" || ext == ".snap" {
				names = append(names, dir+"/"+name)
			}
		}
	}
	return append(names, instanceName, idName), nil
}

// Copy gives a directory's content in memory: to be opened, and written to,
// without a trace on the disk.
func Copy(from FS) (FS, error) {
	names, err := memberFiles(from)
	if err != nil {
		return nil, err
	}
	m := &memory{of: from, files: map[string]*memoryFile{}}
	for _, name := range names {
		data, err := readFile(from, name)
		switch {
		case missing(err):
			continue
		case err != nil:
			return nil, fault(from.Path(name), err)
		}
		m.files[name] = &memoryFile{data}
	}
	return m, nil
}

// Backup copies what makes a directory a member's to before-N/ in it, durably,
// and says where: that is a data directory like any other.
func Backup(fsys FS) (string, error) {
	names, err := memberFiles(fsys)
	if err != nil {
		return "", err
	}
	to, err := freshDir(fsys, "before")
	if err != nil {
		return "", err
	}
	dirs := []string{walDir, snapDir, journalDir}
	for _, dir := range dirs {
		if err := fsys.MkdirAll(to + "/" + dir); err != nil {
			return "", fault(fsys.Path(to), err)
		}
	}
	if err := fsys.SyncDir(to); err != nil {
		return "", fault(fsys.Path(to), err)
	}
	for _, name := range names {
		data, err := readFile(fsys, name)
		if missing(err) {
			continue
		}
		if err == nil {
			err = replaceFile(fsys, path.Join(to, path.Dir(name)), path.Join(to, name), data)
		}
		if err != nil {
			return "", fault(fsys.Path(name), err)
		}
	}
	return fsys.Path(to), nil
}

// memory is a file system of which nothing is left.
type memory struct {
	of    FS
	files map[string]*memoryFile
}

type memoryFile struct{ data []byte }

// Path is the name on the disk that this is a copy of.
func (m *memory) Path(name string) string { return m.of.Path(name) }

// Lock always succeeds: nobody else has this copy.
func (m *memory) Lock() (func() error, error) { return func() error { return nil }, nil }

// Random asks the original.
func (m *memory) Random() uint64 { return m.of.Random() }

// List lists the files and directories of a directory.
func (m *memory) List(dir string) ([]string, error) {
	found := map[string]bool{}
	for name := range m.files {
		switch parent := path.Dir(name); {
		case parent == dir, parent == "." && dir == "":
			found[path.Base(name)] = true
		case dir == "":
			found[parent] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// MkdirAll does nothing: directories are where files are.
func (m *memory) MkdirAll(string) error { return nil }

// Create makes an empty file.
func (m *memory) Create(name string) (File, error) {
	m.files[name] = &memoryFile{}
	return m.files[name], nil
}

// Open finds a file.
func (m *memory) Open(name string) (File, error) {
	if f, ok := m.files[name]; ok {
		return f, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Rename gives a file another name.
func (m *memory) Rename(from, to string) error {
	f, ok := m.files[from]
	if !ok {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(m.files, from)
	m.files[to] = f
	return nil
}

// Remove takes a file away.
func (m *memory) Remove(name string) error {
	delete(m.files, name)
	return nil
}

// SyncDir has nothing to do.
func (m *memory) SyncDir(string) error { return nil }

// ReadAt is that of io.ReaderAt.
func (f *memoryFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt is that of io.WriterAt.
func (f *memoryFile) WriteAt(p []byte, off int64) (int, error) {
	if more := off + int64(len(p)) - int64(len(f.data)); more > 0 {
		f.data = append(f.data, make([]byte, more)...)
	}
	return copy(f.data[off:], p), nil
}

// Sync has nothing to do.
func (f *memoryFile) Sync() error { return nil }

// Size is the file's length.
func (f *memoryFile) Size() (int64, error) { return int64(len(f.data)), nil }

// Close has nothing to do.
func (f *memoryFile) Close() error { return nil }

// freshDir makes the first of STEM-1, STEM-2, … that is not there.
func freshDir(fsys FS, stem string) (string, error) {
	names, err := fsys.List("")
	if err != nil {
		return "", fault(fsys.Path(""), err)
	}
	for n := 1; ; n++ {
		dir := fmt.Sprintf("%s-%d", stem, n)
		if slices.Contains(names, dir) {
			continue
		}
		if err = fsys.MkdirAll(dir); err == nil {
			err = fsys.SyncDir("")
		}
		if err != nil {
			return "", fault(fsys.Path(dir), err)
		}
		return dir, nil
	}
}
