package store

import (
	"errors"
	"io/fs"
	"os"

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
	}
	return core.Faultf(core.CodeIO, "%s: %v", path, cause(err))
}

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
