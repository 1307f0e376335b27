package commands

import (
	"bytes"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is a whole terminal: the alternate screen, so that what was on it comes
// back, without its cursor, and with every key as it is pressed. Where the input
// is no terminal there are no keys.
type screen struct {
	out     *os.File
	in      int
	before  *term.State // of the input; nil: it is no terminal
	once    sync.Once
	keys    chan key
	changed chan os.Signal // the size, or that the user is back
	ends    chan os.Signal // what ends the process
	shown   []string
	size    [2]int
}

// What a terminal obeys. A frame is one write, and terminals that know mode 2026
// show it at once; the others ignore that. Without mode 7 a line that the terminal
// takes to be wider than it is does not push the rest down.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
	leaveScreen = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
	beginFrame  = "\x1b[?2026h"
	endFrame    = "\x1b[?2026l"
)

// usualWidth and usualHeight are those of a terminal that does not tell its own,
// as serial lines don't.
const usualWidth, usualHeight = 80, 24

// terminal is the output as a terminal that can be drawn on, if it is one.
func (c *call) terminal() (*os.File, bool) {
	f, is := c.App.Writer.(*os.File)
	return f, is && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
}

// openScreen takes the terminal over until close.
func openScreen(c *call, out *os.File) *screen {
	s := &screen{out: out, in: -1, keys: make(chan key, 16), changed: make(chan os.Signal, 1), ends: make(chan os.Signal, 1)}
	if in, is := c.App.Reader.(*os.File); is && term.IsTerminal(int(in.Fd())) {
		s.in = int(in.Fd())
		go s.readKeys(in)
	}
	signal.Notify(s.changed, syscall.SIGWINCH, syscall.SIGCONT)
	signal.Notify(s.ends, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	s.enter()
	return s
}

func (s *screen) enter() {
	if s.in >= 0 {
		if before, err := term.MakeRaw(s.in); err == nil {
			s.before = before
		}
	}
	s.out.WriteString(enterScreen)
	s.shown = nil
}

func (s *screen) leave() {
	s.out.WriteString(leaveScreen)
	if s.before != nil {
		term.Restore(s.in, s.before)
	}
}

// close gives the terminal back, as it was.
func (s *screen) close() {
	s.once.Do(func() {
		signal.Stop(s.changed)
		signal.Stop(s.ends)
		s.leave()
	})
}

// guard gives the terminal back before a panic of its goroutine ends the process.
func (s *screen) guard() {
	if r := recover(); r != nil {
		s.close()
		panic(r)
	}
}

// stopTime is how long the kernel may take to stop the process. A job without a
// shell that could let it go on is not stopped at all.
const stopTime = 200 * time.Millisecond

// suspend stops the process as ^Z does elsewhere, and goes on when it is let.
func (s *screen) suspend() {
	s.leave()
	unix.Kill(0, syscall.SIGTSTP) // the whole job, as the terminal would
	select {
	case <-s.changed: // SIGCONT
	case <-time.After(stopTime):
	}
	s.enter()
}

// look is the terminal's size now; after another one everything is drawn anew.
func (s *screen) look() (width, height int) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = usualWidth, usualHeight
	}
	if size := [2]int{width, height}; size != s.size {
		s.size, s.shown = size, nil
	}
	return width, height
}

// draw shows lines, of which only those are written that differ.
func (s *screen) draw(lines []string) error {
	b := frame(s.shown, lines)
	s.shown = lines
	if len(b) == 0 {
		return nil
	}
	_, err := s.out.Write(b)
	return err
}

// frame is what turns one screenful into another; nil: a screen of which nothing
// is known. A line is cleared before it is written: behind one that is as wide as
// the terminal, the cursor still stands on its last character.
func frame(shown, lines []string) []byte {
	var b bytes.Buffer
	if shown == nil {
		b.WriteString("\x1b[H\x1b[2J")
	}
	for i, line := range lines {
		if i < len(shown) && shown[i] == line {
			continue
		}
		b.WriteString("\x1b[" + strconv.Itoa(i+1) + ";1H\x1b[2K" + line + "\x1b[0m")
	}
	if len(lines) < len(shown) {
		b.WriteString("\x1b[" + strconv.Itoa(len(lines)+1) + ";1H\x1b[J")
	}
	if b.Len() == 0 {
		return nil
	}
	return append(append([]byte(beginFrame), b.Bytes()...), endFrame...)
}

// key is a key: a character, or one of those below.
type key rune

const (
	keyUp key = -1 - iota
	keyDown
	keyPageUp
	keyPageDown
	keyHome
	keyEnd
	keyEscape
)

const ctrlC, ctrlL, ctrlZ = key(3), key(12), key(26)

// readKeys reads until the process ends.
func (s *screen) readKeys(in *os.File) {
	defer s.guard()
	var buffer [64]byte
	for {
		n, err := in.Read(buffer[:])
		if err != nil {
			return
		}
		for _, k := range decodeKeys(buffer[:n]) {
			s.keys <- k
		}
	}
}

// decodeKeys takes apart what one read gave. Terminals send the bytes of a key
// together.
func decodeKeys(b []byte) (keys []key) {
	for len(b) > 0 {
		k, n := decodeKey(b)
		if k != 0 {
			keys = append(keys, k)
		}
		b = b[n:]
	}
	return keys
}

// decodeKey reads one key; 0 is one that means nothing here.
func decodeKey(b []byte) (k key, n int) {
	if b[0] != 0x1b {
		return key(b[0]), 1
	}
	if len(b) < 3 || b[1] != '[' && b[1] != 'O' {
		return keyEscape, 1
	}
	for n = 2; n < len(b) && (b[n] < 0x40 || b[n] > 0x7e); n++ {
	}
	n = min(n+1, len(b))
	switch string(b[2:n]) {
	case "A":
		return keyUp, n
	case "B":
		return keyDown, n
	case "H", "1~":
		return keyHome, n
	case "F", "4~":
		return keyEnd, n
	case "5~":
		return keyPageUp, n
	case "6~":
		return keyPageDown, n
	}
	return 0, n
}
