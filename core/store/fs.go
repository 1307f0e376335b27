package store

// FS is the little that the store asks of a file system, rooted at one data
// directory; names are relative to it, with slashes. OS is the real one, the
// simulator has a virtual one that loses whatever this contract lets it lose.
//
// Two things are promised about a crash, and nothing else: bytes of a file are
// kept if File.Sync returned after they were written, and changes of names are
// kept if SyncDir of the directory returned after them. What was not synced may
// be kept, lost or (in pieces of a sector, 512 bytes) partly kept, in any
// order. One sector is old or new, never a mixture.
type FS interface {
	// Path gives the name by which people know a file; "" is the directory.
	Path(name string) string
	// Lock makes this process the only user of the directory until release is
	// called or the process ends. An error of code 75 says who uses it already.
	Lock() (release func() error, err error)
	// Random gives a number that stale bytes on the disk cannot know.
	Random() uint64
	// List gives the sorted names in a directory; nothing for one that is not there.
	List(dir string) ([]string, error)
	// MkdirAll makes a directory if it is not there. Durable after SyncDir("").
	MkdirAll(dir string) error
	// Create makes an empty file, or empties the one that is there, for reading
	// and writing. Its name is durable after SyncDir.
	Create(name string) (File, error)
	// Open opens a file that is there for reading and writing; else fs.ErrNotExist.
	Open(name string) (File, error)
	// Rename gives a file another name, replacing what had it. After a crash
	// the file has one of the two names (with SyncDir: the new one), and the new
	// name never points to anything but the old or the new file.
	Rename(from, to string) error
	// Remove takes a name away; durable after SyncDir.
	Remove(name string) error
	// SyncDir makes every change of names in a directory durable.
	SyncDir(dir string) error
}

// File is an open file of an FS.
type File interface {
	// ReadAt and WriteAt are those of io.ReaderAt and io.WriterAt. Reads see
	// what was written at once; it is durable only after Sync.
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	// Sync makes everything written to this file so far durable, and its length
	// (fdatasync). After an error nothing is known about what was not synced,
	// and a second Sync proves nothing: the error is final.
	Sync() error
	// Size is the file's length in bytes.
	Size() (int64, error)
	// Close syncs nothing.
	Close() error
}
