package commands

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is an hb process on a terminal of its own.
type pty struct {
	*child
	t       *testing.T
	control *os.File
	pieces  chan string
	seen    string
	before  unix.Termios
}

// startOnTerminal runs hb on a terminal of a size.
func startOnTerminal(t *testing.T, socket, kind string, width, height uint16, args ...string) *pty {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: no terminals here, so what draws on one is NOT tested in this run: %v", err)
	}
	t.Cleanup(func() { control.Close() })
	p := &pty{t: t, control: control, pieces: make(chan string, 1000)}
	fd := int(control.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.resize(width, height)
	p.before = p.termios()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.child = &child{Cmd: exec.Command(binary, args...)}
	p.Args[0], p.Env = "hb", append(os.Environ(), "HB_SOCKET="+socket, "TERM="+kind, "LC_ALL=C.UTF-8", "NO_COLOR=1")
	p.Stdin, p.Stdout, p.Stderr = terminal, terminal, terminal
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	t.Cleanup(func() { p.Process.Kill() })
	go func() {
		defer close(p.pieces)
		var b [64 << 10]byte
		for {
			n, err := control.Read(b[:])
			if err != nil {
				return
			}
			p.pieces <- string(b[:n])
		}
	}()
	return p
}

func (p *pty) resize(width, height uint16) {
	if err := unix.IoctlSetWinsize(int(p.control.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pty) termios() unix.Termios {
	t, err := unix.IoctlGetTermios(int(p.control.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *t
}

// until waits until all of the words have been shown since the last time.
func (p *pty) until(words ...string) string {
	p.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(p.seen, w) }) {
			seen := p.seen
			p.seen = ""
			return seen
		}
		select {
		case piece, ok := <-p.pieces:
			if !ok {
				p.t.Fatalf("it ended; %q was not all shown in %q", words, p.seen)
			}
			p.seen += piece
		case <-limit:
			p.t.Fatalf("%q was not all shown in %q", words, p.seen)
		}
	}
}

// ended wants the process to end with a code, and the terminal as it was.
func (p *pty) ended(code int) {
	p.t.Helper()
	p.until(leaveScreen)
	if got := p.code(); got != code {
		p.t.Errorf("exit code %d, want %d", got, code)
	}
	if after := p.termios(); after.Lflag != p.before.Lflag || after.Oflag != p.before.Oflag || after.Iflag != p.before.Iflag {
		p.t.Errorf("the terminal was left in another mode: %+v, was %+v", after, p.before)
	}
}

func fakeSocket(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	_, stop, err := startFake("three", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return socket
}

func TestTopDrawsResizesAndGivesTheTerminalBack(t *testing.T) {
	p := startOnTerminal(t, fakeSocket(t), "xterm", 100, 30, "top", "--every", "100ms")
	p.until(enterScreen, "cluster lab at a degraded", "NAME", "TAGS", "q leave")
	p.control.WriteString("j")
	p.until(">a", "0000000000000001")
	p.control.WriteString("?")
	p.until("any key goes back")
	p.control.WriteString("x")
	p.until("NAME")
	p.resize(20, 8)
	if seen := p.until("\x1b[2J", "NAME  STATUS"); strings.Contains(seen, "TAGS") {
		t.Errorf("at 20 columns it still shows %q", seen)
	}
	p.control.WriteString("s\x1b[Bq")
	p.ended(0)
}

func TestASignalGivesTheTerminalBack(t *testing.T) {
	for _, c := range []struct {
		sig  syscall.Signal
		args []string
	}{{syscall.SIGTERM, []string{"top"}}, {syscall.SIGHUP, []string{"members", "--watch"}}} {
		p := startOnTerminal(t, fakeSocket(t), "xterm", 80, 24, c.args...)
		p.until(enterScreen, "NAME")
		if err := p.Process.Signal(c.sig); err != nil {
			t.Fatal(err)
		}
		p.ended(128 + int(c.sig))
	}
}

func TestControlCLeaves(t *testing.T) {
	p := startOnTerminal(t, fakeSocket(t), "screen", 80, 24, "members", "--watch")
	p.until("cluster lab", "4 members", "suspect")
	p.control.WriteString("\x03")
	p.ended(0)
}

func TestTopOutlivesTheNode(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	_, stop, err := startFake("three", socket)
	if err != nil {
		t.Fatal(err)
	}
	p := startOnTerminal(t, socket, "xterm", 120, 24, "top", "--every", "100ms")
	p.until("at a degraded")
	stop()
	p.until("no answer")
	if _, stop, err = startFake("three", socket); err != nil {
		t.Fatal(err)
	}
	defer stop()
	p.until("at a degraded")
	p.control.WriteString("q")
	p.ended(0)
}

func TestADumbTerminalGetsPlainPages(t *testing.T) {
	p := startOnTerminal(t, fakeSocket(t), "dumb", 80, 24, "top", "--every", "100ms", "--count", "2")
	seen := ""
	for piece := range p.pieces {
		seen += piece
	}
	if p.code() != 0 || strings.Count(seen, "cluster lab at a") != 2 || strings.Contains(seen, "\x1b") {
		t.Errorf("exit %d, %q", p.code(), seen)
	}
}

func TestWhatIsCutIsMarkedAsTheLocaleCanShow(t *testing.T) {
	for locale, want := range map[string]string{"C": "ab~", "de_DE.utf8": "ab…"} {
		t.Setenv("LC_ALL", locale)
		if got := cutsFor([]string{"ab…"}); got[0] != want {
			t.Errorf("%s: %q", locale, got)
		}
	}
	var out strings.Builder
	if n, err := (asciiCuts{&out}).Write([]byte("a… b…")); n != len("a… b…") || err != nil || out.String() != "a~ b~" {
		t.Errorf("%d, %v: %q", n, err, &out)
	}
}

func TestAFrameWritesOnlyWhatDiffers(t *testing.T) {
	whole := frame(nil, []string{"a", "b"})
	if want := beginFrame + "\x1b[H\x1b[2J\x1b[1;1H\x1b[2Ka\x1b[0m\x1b[2;1H\x1b[2Kb\x1b[0m" + endFrame; string(whole) != want {
		t.Errorf("a new screen is %q, want %q", whole, want)
	}
	if b := frame([]string{"a", "b"}, []string{"a", "b"}); b != nil {
		t.Errorf("nothing changed, and it writes %q", b)
	}
	if b := frame([]string{"a", "b", "c"}, []string{"a", "x"}); string(b) != beginFrame+"\x1b[2;1H\x1b[2Kx\x1b[0m\x1b[3;1H\x1b[J"+endFrame {
		t.Errorf("got %q", b)
	}
}

func TestKeysAreTakenApart(t *testing.T) {
	got := decodeKeys([]byte("j\x1b[A\x1bOB\x1b[5~q\x1b[1;5C\x1b"))
	if want := []key{'j', keyUp, keyDown, keyPageUp, 'q', keyEscape}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzDecodeKeys(f *testing.F) {
	for _, s := range []string{"", "q", "\x1b", "\x1b[", "\x1b[A", "\x1bO", "\x1b[999999~j"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(decodeKeys(b)); n > len(b) {
			t.Errorf("%d keys of %d bytes", n, len(b))
		}
	})
}
