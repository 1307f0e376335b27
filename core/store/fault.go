package store

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"hb/core"
)

// fault says in one line what is wrong with a file, with the exit code for it.
func fault(path string, err error) *core.Fault {
	var f *core.Fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, fs.ErrPermission):
		return core.Faultf(core.CodeDenied, "%s: %v", path, cause(err)).
			WithHint("the data directory must belong to the user that runs the node")
	case errors.Is(err, unix.ENOTDIR):
		return core.Faultf(core.CodeConfig, "%s: a file is in the way: a directory must be there", path).WithHint(inTheWay)
	case errors.Is(err, unix.EISDIR):
		return core.Faultf(core.CodeConfig, "%s: a directory is in the way: a file must be there", path).WithHint(inTheWay)
	}
	return core.Faultf(core.CodeIO, "%s: %v", path, cause(err))
}

// inTheWay is for what the node has not made itself, and does not delete.
const inTheWay = "if it is none of hb's, move it away; or name another data directory with --data"

// cause takes the path out of an error, because the message has it already.
func cause(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}
