package daemon

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// region is a part of this process's address space.
type region struct{ from, to uintptr }

// dropClean unmaps the pages of this program's file that it has only read, most
// of them once, at its start: they stay in the kernel's cache, and come back
// from there one by one where they are needed. It is half of what an idle node
// holds in memory.
func dropClean() {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return // without that file the pages stay
	}
	for _, r := range cleanRegions(string(text)) {
		// An error leaves the pages where they are.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, r.from, r.to-r.from, unix.MADV_DONTNEED)
	}
}

// cleanRegions finds, in the text of /proc/self/smaps, the mappings of files
// that cannot be written and of which nothing was ever changed. All others may
// hold what is in no file.
func cleanRegions(smaps string) []region {
	var clean []region
	var r region
	readOnly, anonymous := false, false
	for line := range strings.Lines(smaps) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2:
		case fields[0] == "Anonymous:" || fields[0] == "Swap:":
			anonymous = anonymous || fields[1] != "0"
		case fields[0] == "VmFlags:": // the last line of each
			if readOnly && !anonymous {
				clean = append(clean, r)
			}
			readOnly = false
		case !strings.HasSuffix(fields[0], ":"):
			r, readOnly = mapping(fields)
			anonymous = false
		}
	}
	return clean
}

// mapping reads the line "from-to rwxp offset device inode path".
func mapping(fields []string) (r region, readOnly bool) {
	low, high, _ := strings.Cut(fields[0], "-")
	from, err := strconv.ParseUint(low, 16, 64)
	to, err2 := strconv.ParseUint(high, 16, 64)
	if err != nil || err2 != nil || to <= from || len(fields) < 6 || !strings.HasPrefix(fields[5], "/") {
		return region{}, false
	}
	return region{uintptr(from), uintptr(to)}, fields[1] == "r-xp" || fields[1] == "r--p"
}
