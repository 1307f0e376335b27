package store

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
)

// A sealed file is a small thing that must survive: replaced as a whole, and
// written twice in it, so that one damaged sector does not take it. Each copy
// begins at a multiple of 512 bytes, little endian:
//
//	0   u32  CRC-32C of everything after it up to the end of the content
//	4   8    magic: "hb-seal" and the format
//	12  u32  length of the content
//	16  content, then zeros up to the next multiple of 512
const (
	sealMagic = "hb-seal"
	sealHead  = 16
)

var errUnreadable = errors.New("damaged: no copy in it has a good checksum")

// writeSealed replaces a sealed file; durable when it returns. A crash leaves
// the old or the new one.
func writeSealed(fsys FS, name string, content []byte) error {
	size := (sealHead + len(content) + sector - 1) / sector * sector
	b := make([]byte, 2*size)
	le := binary.LittleEndian
	copy(b[4:], sealMagic)
	b[11] = format
	le.PutUint32(b[12:], uint32(len(content)))
	copy(b[sealHead:], content)
	le.PutUint32(b, castagnoli(b[4:sealHead+len(content)]))
	copy(b[size:], b[:size])
	return replaceFile(fsys, "", name, b)
}

// readSealed gives the content of a sealed file, and whether all copies are
// good. The error is fs.ErrNotExist, errUnreadable, a fault for a newer format,
// or the disk's.
func readSealed(fsys FS, name string) (content []byte, good bool, err error) {
	b, err := readFile(fsys, name)
	if err != nil {
		return nil, false, err
	}
	copies := 0
	for at := 0; at+sealHead <= len(b); at += sector {
		c, newer, ok := readCopy(b[at:])
		if newer > 0 {
			return nil, false, tooNew(fsys.Path(name), newer)
		}
		if ok {
			content = c
			copies++
		}
	}
	if copies == 0 {
		return nil, false, errUnreadable
	}
	return content, copies == 2, nil
}

func readCopy(b []byte) (content []byte, newer uint32, ok bool) {
	n := int64(binary.LittleEndian.Uint32(b[12:]))
	if string(b[4:11]) != sealMagic || n > int64(len(b)-sealHead) {
		return nil, 0, false
	}
	if binary.LittleEndian.Uint32(b) != castagnoli(b[4:sealHead+n]) {
		return nil, 0, false
	}
	if b[11] > format {
		return nil, uint32(b[11]), false
	}
	return b[sealHead : sealHead+n], 0, true
}

// replaceFile writes a file under a passing name and renames it, so that a
// crash leaves the old or the new one. Nothing is left of a file that did not
// fit.
func replaceFile(fsys FS, dir, name string, content []byte) error {
	part := name + partly
	err := writeFile(fsys, part, func(w io.Writer) error { _, err := w.Write(content); return err })
	if err != nil {
		return err
	}
	return moveFile(fsys, dir, part, name)
}

// partly ends the names of files that are not finished. What a crash leaves of
// them is removed by the next start.
const partly = ".part"

// writeFile writes a file; durable but for its name when it returns. Nothing is
// left of one that did not fit.
func writeFile(fsys FS, name string, write func(io.Writer) error) error {
	f, err := fsys.Create(name)
	if err == nil {
		err = write(&appender{file: f})
		if err == nil {
			err = f.Sync()
		}
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if noSpace(err) {
		fsys.Remove(name)
		return ErrFull
	}
	return err
}

// appender writes a file from its beginning on.
type appender struct {
	file File
	off  int64
}

// Write writes behind what was written before.
func (a *appender) Write(b []byte) (int, error) {
	n, err := a.file.WriteAt(b, a.off)
	a.off += int64(n)
	return n, err
}

// moveFile gives a file in a directory its name; durable when it returns.
func moveFile(fsys FS, dir, from, to string) error {
	err := fsys.Rename(from, to)
	if err == nil {
		return fsys.SyncDir(dir)
	}
	if noSpace(err) {
		fsys.Remove(from)
		return ErrFull
	}
	return err
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
