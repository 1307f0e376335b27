package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"hb/core"
	"hb/netutil"
)

// givenByManager says whether systemd made a directory for this process
// (RuntimeDirectory=).
func givenByManager(dir string) bool {
	return slices.Contains(filepath.SplitList(os.Getenv("RUNTIME_DIRECTORY")), dir)
}

// openSocket opens the local socket for those who may use it.
func (d *daemon) openSocket() *core.Fault {
	o := &d.options
	gate, fault := openGate(o, d.logger.line)
	if fault != nil {
		return fault
	}
	d.gate.Store(&gate)
	who := netutil.Unix{Socket: 0o600, Dir: 0o700, Group: gate.group, Given: givenByManager(filepath.Dir(o.Socket))}
	if gate.group >= 0 {
		who.Socket, who.Dir = 0o660, 0o750
	}
	l, err := netutil.ListenUnix(o.Socket, who)
	switch {
	case err == nil:
		d.socket = l
		gate.openDir(o.Socket)
		return nil
	case errors.Is(err, netutil.ErrSocketHeld):
		return core.Faultf(core.CodeBusy, "cannot make the socket %v", err).
			WithHint("hb status --socket %s tells which node it is; give this one another with --socket", o.Socket)
	case errors.Is(err, fs.ErrPermission):
		return core.Faultf(core.CodeDenied, "cannot make the socket %s: %v", o.Socket, netutil.Reason(err)).
			WithHint("give another with --socket")
	}
	return core.Faultf(core.CodeIO, "cannot make the socket: %v", err).WithHint("give another with --socket")
}

// judgeBy has a gate judge from now on, and gives the socket to its group, which may
// have been made, or taken away, since the socket was.
func (d *daemon) judgeBy(now *gate) {
	before := d.gate.Swap(now)
	if before.group == now.group {
		now.openDir(d.options.Socket)
		return
	}
	path, mode := d.options.Socket, fs.FileMode(0o600)
	var err error
	if now.group >= 0 {
		mode = 0o660
		err = os.Chown(path, -1, now.group) // first: the mode opens it to whatever group it has
	}
	if err == nil {
		err = os.Chmod(path, mode)
	}
	switch {
	case err != nil:
		d.logger.line(true, fmt.Sprintf("the socket cannot be given to its group: %v", err))
	case now.group < 0:
		d.logger.line(false, "the local socket is its owner's alone now")
	default:
		d.logger.line(false, fmt.Sprintf("the local socket is the group %s's now", d.options.Access.Group))
		now.openDir(path)
	}
}

// openDir sees to it that the socket's group gets to it through a directory that was
// there before, as after a first start without the group. One that is there for the
// socket alone, and for nobody else, is given to the group; else it says what stands
// in the way. It also says when strangers could put a socket of their own in the
// place of ours.
func (g *gate) openDir(socket string) {
	dir := filepath.Dir(socket)
	info, err := os.Stat(dir)
	if err != nil {
		return
	}
	mode := info.Mode()
	if mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 {
		g.log(true, fmt.Sprintf("anybody can put another socket in the place of this node's: %s is writable for all", dir))
	}
	stat, is := info.Sys().(*syscall.Stat_t)
	if g.group < 0 || !is || mode.Perm()&0o001 != 0 || int(stat.Gid) == g.group && mode.Perm()&0o010 != 0 {
		return
	}
	private := mode.Perm()&0o070 == 0 || int(stat.Gid) == os.Getegid() || int(stat.Gid) == g.group
	if int(stat.Uid) == g.owner && private && holdsOnly(dir, filepath.Base(socket)) {
		err := os.Chown(dir, -1, g.group)
		if err == nil {
			err = os.Chmod(dir, mode.Perm()|0o050)
		}
		if err == nil {
			g.log(false, fmt.Sprintf("the socket's directory is its group's, too, now: %s", dir))
			return
		}
	}
	g.log(true, fmt.Sprintf("the socket's group does not get to it: chgrp %d %s; chmod g+rx %s", g.group, dir, dir))
}

// holdsOnly says whether a directory has one entry, and no other.
func holdsOnly(dir, name string) bool {
	list, err := os.ReadDir(dir)
	return err == nil && len(list) == 1 && list[0].Name() == name
}
