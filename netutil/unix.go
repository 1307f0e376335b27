package netutil

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxUnixPath is the room for a path in the kernel's sockaddr_un, less its
// closing zero.
const maxUnixPath = 107

// ErrSocketHeld says that a living process answers on a Unix socket.
var ErrSocketHeld = errors.New("another process answers on it")

// Unix says who may use a Unix socket.
type Unix struct {
	// Socket and Dir are the modes of the socket and of its directory, which
	// is made if it does not exist (its parents too).
	Socket, Dir fs.FileMode
	// Group owns the socket and a directory made here; negative: unchanged.
	Group int
	// Given says that the directory was made for this socket, though not here.
	Given bool
}

// ListenUnix listens on a path. A socket left by a dead process is replaced; a
// living one's is refused with ErrSocketHeld, and any other file too. Closing
// the listener removes the socket.
func ListenUnix(path string, who Unix) (*net.UnixListener, error) {
	if len(path) > maxUnixPath {
		return nil, fmt.Errorf("%s: the path of a socket may have %d bytes, this one has %d", path, maxUnixPath, len(path))
	}
	if err := makeDir(filepath.Dir(path), who); err != nil {
		return nil, err
	}
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clearStale(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	// The group first: the mode opens the socket to whatever group it has.
	if who.Group >= 0 {
		err = os.Chown(path, -1, who.Group)
	}
	if err == nil {
		err = os.Chmod(path, who.Socket)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func makeDir(dir string, who Unix) error {
	switch _, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, who.Dir); err != nil {
			return err
		}
	case err != nil || !who.Given:
		return err
	}
	if who.Group < 0 {
		return nil
	}
	// The group first: the mode opens the directory to whatever group it has.
	err := os.Chown(dir, -1, who.Group)
	if err == nil && who.Given {
		err = os.Chmod(dir, who.Dir)
	}
	return err
}

// lockDir keeps two starting processes from both finding the same socket
// stale, the second then removing the first one's new one. Locking the
// directory itself leaves nothing behind.
func lockDir(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil {
		d.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { d.Close() }, nil
}

// clearStale removes a socket on which nobody listens.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is no socket", path)
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	switch {
	case err == nil:
		defer conn.Close()
		if holder, err := PeerOf(conn); err == nil && holder.PID > 0 {
			return fmt.Errorf("%s: %w: process %d", path, ErrSocketHeld, holder.PID)
		}
		return fmt.Errorf("%s: %w", path, ErrSocketHeld)
	case errors.Is(err, unix.EPROTOTYPE): // of datagrams, say
		return fmt.Errorf("%s exists and is a socket of another kind", path)
	case errors.Is(err, unix.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, unix.EAGAIN): // it listens, and its queue is full
		return fmt.Errorf("%s: %w", path, ErrSocketHeld)
	}
	return err
}

// Peer is who is at the other end of a Unix socket, as the kernel vouches.
type Peer struct {
	PID      int
	UID, GID int
	// Groups are the supplementary groups, which SO_PEERCRED leaves out.
	Groups []int
}

// PeerOf asks the kernel who connected.
func PeerOf(c *net.UnixConn) (Peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var p Peer
	err = control(raw, func(fd int) error {
		cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return fmt.Errorf("SO_PEERCRED: %w", err)
		}
		p.PID, p.UID, p.GID = int(cred.Pid), int(cred.Uid), int(cred.Gid)
		p.Groups, err = peerGroups(fd)
		return err
	})
	return p, err
}

// peerGroups reads SO_PEERGROUPS, an array of gid_t. The kernel answers a short
// buffer with the length it needs.
func peerGroups(fd int) ([]int, error) {
	room := make([]uint32, 64)
	for {
		size := uint32(4 * len(room))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&room[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && int(size) > 4*len(room):
			room = make([]uint32, size/4)
		case errno != 0:
			return nil, fmt.Errorf("SO_PEERGROUPS: %w", errno)
		default:
			var groups []int
			for _, g := range room[:size/4] {
				groups = append(groups, int(g))
			}
			return groups, nil
		}
	}
}

// Reason strips the words that Go puts before the kernel's.
func Reason(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
