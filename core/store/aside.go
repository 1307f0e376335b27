package store

import (
	"path"
	"path/filepath"
	"strings"
)

// asideDir is what a directory is called, before its number, that holds what a node
// left behind.
const asideDir = "aside"

// IsAside says whether a data directory keeps what a node that has left, or whose log
// was given up, had in it.
func IsAside(data string) bool {
	found, err := filepath.Glob(filepath.Join(data, asideDir+"-[0-9]*"))
	return err == nil && len(found) > 0
}

// setAside moves identity, log, snapshots and journal to a fresh directory and
// says which; "" if there was nothing worth keeping. The identity goes first,
// durably: what it leaves behind is set aside by the next Open.
func setAside(fs FS) (string, error) {
	var names []string
	worth := false
	for _, dir := range []string{"", walDir, snapDir, journalDir} {
		found, err := fs.List(dir)
		if err != nil {
			return "", fault(fs.Path(dir), err)
		}
		for _, name := range found {
			name = path.Join(dir, name)
			if name != idName && path.Ext(name) != ".wal" && path.Ext(name) != ".snap" {
				continue
			}
			used, err := hasContent(fs, name)
			if err != nil {
				return "", fault(fs.Path(name), err)
			}
			names, worth = append(names, name), worth || used
		}
	}
	if !worth {
		return "", nil
	}
	to, err := freshDir(fs, asideDir)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if err := moveInto(fs, to, name); err != nil {
			return "", fault(fs.Path(name), err)
		}
	}
	return to, nil
}

// hasContent says whether a file is more than a segment without a frame.
func hasContent(fs FS, name string) (bool, error) {
	if path.Ext(name) != ".wal" {
		return true, nil
	}
	data, err := readFile(fs, name)
	return err == nil && (len(data) < sector || !isZero(data[sector:])), err
}

// moveInto moves one file, durably, to a name that tells where it was.
func moveInto(fs FS, dir, name string) error {
	if err := fs.Rename(name, dir+"/"+strings.ReplaceAll(name, "/", "-")); err != nil {
		return err
	}
	if err := fs.SyncDir(dir); err != nil {
		return err
	}
	from := path.Dir(name)
	if from == "." {
		from = ""
	}
	return fs.SyncDir(from)
}
