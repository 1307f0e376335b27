package daemon

import (
	"strconv"
	"strings"
)

// pressure is the kernel's pressure stall information (PSI): the shares of time in
// which something had to wait for a processor, for memory, or for a disk. A kernel
// without it has none of the files.
type pressure []procFile

func openPressure() (p pressure) {
	for _, what := range []string{"cpu", "memory", "io"} {
		if f, err := openProc("/proc/pressure/" + what); err == nil {
			p = append(p, f)
		}
	}
	return p
}

func (p pressure) close() {
	for _, f := range p {
		f.close()
	}
}

// worst is the greatest of them in the last ten seconds, in permille.
func (p pressure) worst() (most uint16) {
	for _, f := range p {
		if text, err := f.head(); err == nil {
			most = max(most, parsePressure(text))
		}
	}
	return most
}

// parsePressure reads "some avg10=1.23 avg60=…", in permille; 0 when it is not that.
func parsePressure(text string) uint16 {
	_, rest, found := strings.Cut(text, "some avg10=")
	word, _, _ := strings.Cut(rest, " ")
	percent, err := strconv.ParseFloat(word, 64)
	if !found || err != nil {
		return 0
	}
	return share(percent, 100)
}
