package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"hb/core"
)

// unreached says why no socket could be connected to, each by its path.
type unreached struct {
	paths []string
	errs  []error
}

// Error names every path that was tried, and what was wrong with it.
func (u *unreached) Error() string {
	var parts []string
	for i, path := range u.paths {
		parts = append(parts, path+": "+reason(u.errs[i]))
	}
	return strings.Join(parts, "; ")
}

// reason says in words what connecting to a socket met with.
func reason(err error) string {
	switch {
	case errors.Is(err, syscall.ENOENT):
		return "no such socket"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the socket is there, but no node runs behind it"
	case errors.Is(err, syscall.EACCES):
		return "permission denied"
	case errors.Is(err, syscall.EAGAIN):
		return "a node runs, but takes no more calls"
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// noNode is the error for people. Being kept out is another thing than finding
// nobody.
func (c *Client) noNode(u *unreached) *core.Fault {
	for i, err := range u.errs {
		if errors.Is(err, syscall.EACCES) {
			return core.Faultf(core.CodeDenied, "the node's socket is closed to you: %v", u).WithHint("%s", admittance(u.paths[i]))
		}
	}
	how := "start one with hb node"
	if c.Starting != nil {
		how = c.Starting()
	}
	return core.Faultf(core.CodeNoNode, "no node answers: %v", u).WithHint("%s, or name its socket with --socket or HB_SOCKET", how)
}

// admittance says how to be let in to a socket: as a member of its group, which
// its directory has too.
func admittance(socket string) string {
	for _, path := range []string{socket, filepath.Dir(socket)} {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		stat, is := info.Sys().(*syscall.Stat_t)
		if !is || stat.Gid == 0 || info.Mode().Perm()&0o070 == 0 {
			break
		}
		group := strconv.Itoa(int(stat.Gid))
		if g, err := user.LookupGroupId(group); err == nil {
			group = g.Name
		}
		return fmt.Sprintf("be in the group %s (usermod -aG %s YOU, then log in again), or root", group, group)
	}
	return "it is for the user who runs the node, and root"
}

// dial connects to the first socket that lets us. That takes no time worth a deadline:
// when too many wait to be let in, the kernel says so at once.
func (c *Client) dial() (net.Conn, error) {
	var u unreached
	for _, path := range c.sockets {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if err == nil {
			if c.Dialed != nil {
				c.Dialed(conn)
			}
			return conn, nil
		}
		u.paths, u.errs = append(u.paths, path), append(u.errs, err)
	}
	return nil, &u
}
