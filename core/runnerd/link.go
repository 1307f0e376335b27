package runnerd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core/wire"
	"hb/netutil"
)

// Version is that of the messages between a daemon and its runner process
// (wire.ToRunner, wire.FromRunner). It changes only when one of another version
// would misunderstand them; new fields and bodies do not change it. Version 1 would
// run everything as its own user. (One that does not know RunnerExec.abreast begins
// at once what should wait for a slot: more short tasks side by side than slots, and
// none of them lost or run twice. It stays until it is found without attempts.)
const Version = 2

// helloTime is how long the other side may take to say hello.
const helloTime = 10 * time.Second

const (
	socketName = "runner.sock"
	lockName   = "runner.lock"
)

// Link is a stream of messages between a daemon and its runner process: frames
// of netutil, each a message of wire.
type Link struct {
	conn   net.Conn
	frames *netutil.FrameReader

	mu      sync.Mutex
	out     []byte // frames that wait to be written
	closed  bool
	wake    chan struct{}
	written chan struct{} // closed when the writer has ended
}

func newLink(conn net.Conn) *Link {
	l := &Link{conn: conn, frames: netutil.NewFrameReader(conn), wake: make(chan struct{}, 1), written: make(chan struct{})}
	go l.write()
	return l
}

// Send puts a message on its way, and never waits.
func (l *Link) Send(m proto.Message) {
	l.mu.Lock()
	if !l.closed {
		l.out = netutil.AppendFrame(l.out, wire.Marshal(m))
	}
	l.mu.Unlock()
	l.nudge()
}

func (l *Link) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// write sends whatever has gathered, as one.
func (l *Link) write() {
	defer close(l.written)
	for range l.wake {
		l.mu.Lock()
		out, closed := l.out, l.closed
		l.out = nil
		l.mu.Unlock()
		if len(out) > 0 {
			if _, err := l.conn.Write(out); err != nil {
				l.conn.Close() // the reader finds that out, too
				return
			}
		}
		if closed {
			return
		}
	}
}

// Receive waits for the next message.
func (l *Link) Receive(into proto.Message) error {
	frame, err := l.frames.Next()
	if err != nil {
		return err
	}
	return wire.Unmarshal(frame, into)
}

// Close lets what was sent leave, within reason, and ends the stream.
func (l *Link) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.conn.SetWriteDeadline(time.Now().Add(time.Second))
	l.nudge()
	<-l.written
	l.conn.Close()
}

// Abort ends the stream as it stands.
func (l *Link) Abort() {
	l.conn.Close()
	l.Close()
}

// inDir runs something with a path for a file in a directory that is short
// enough for a socket, however long the directory's own is.
func inDir(dir, name string, do func(path string) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return do(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), name))
}

func listen(dir string) (l *net.UnixListener, err error) {
	if err := os.Remove(filepath.Join(dir, socketName)); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	err = inDir(dir, socketName, func(path string) error {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false) // by that path it cannot be found any more
		return os.Chmod(path, 0o600)
	})
	return l, err
}

// Dial connects a daemon to the runner process of a data directory, if there is
// one, and gives what that says of itself.
func Dial(dataDir, build string) (l *Link, hello *wire.RunnerHello, err error) {
	err = inDir(dataDir, socketName, func(path string) error {
		conn, err := net.DialTimeout("unix", path, helloTime)
		if err == nil {
			l = newLink(conn)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	l.Send(&wire.ToRunner{Body: &wire.ToRunner_Hello{Hello: ourHello(build, 0)}})
	l.conn.SetReadDeadline(time.Now().Add(helloTime))
	first := &wire.FromRunner{}
	if err = l.Receive(first); err == nil && first.GetHello() == nil {
		err = fmt.Errorf("it begins with %T", first.Body)
	}
	if err != nil {
		l.Abort()
		return nil, nil, fmt.Errorf("what listens on %s is no runner process: %w", filepath.Join(dataDir, socketName), err)
	}
	l.conn.SetReadDeadline(time.Time{})
	return l, first.GetHello(), nil
}

func ourHello(build string, attempts int) *wire.RunnerHello {
	return &wire.RunnerHello{Version: Version, Build: build, Pid: int64(os.Getpid()), Attempts: uint32(attempts)}
}
