package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"hb/core"
	"hb/core/config"
	"hb/core/control"
	"hb/netutil"
)

// Access says who may use the local socket, as [socket] of hb.toml has it: users
// by name or number, groups with "@" before it, "*" for Group.
type Access struct {
	Group               string
	Read, Submit, Admin []string
}

// usualGroup owns the socket where it exists, and need not.
const usualGroup = "hb"

// gate knows who may do what. It believes what the kernel says of a connection:
// user, group and supplementary groups of the process that made it, as they were
// then. A database of users would say which groups somebody is to have at the
// next login, not what this process was given, or has given up.
type gate struct {
	owner  int        // the node's own user
	group  int        // of the socket; negative: it is the owner's alone
	awaits string     // the group whose the socket will be when there is one; empty: none
	tasks  func() int // the user whom tasks run as that name none; negative: nobody of its own
	grants []grant
	log    func(warn bool, text string)
}

// grant gives a right to a user or to a group.
type grant struct {
	right control.Right
	id    int
	group bool
}

// openGate works out names. Whom it does not find gets nothing, and a line in
// the log: a user who was deleted must not keep a node from starting.
func openGate(o *Options, log func(bool, string)) (gate, *core.Fault) {
	g := gate{owner: os.Geteuid(), group: -1, tasks: func() int { return -1 }, log: log}
	if o.Dev {
		return g, nil
	}
	if g.owner == 0 {
		g.tasks = taskUser()
	}
	if fault := g.findGroup(o.Access.Group); fault != nil {
		return g, fault
	}
	g.admit(control.Read, o.Access.Read)
	g.admit(control.Submit, o.Access.Submit)
	g.admit(control.Admin, o.Access.Admin)
	return g, nil
}

func (g *gate) admit(right control.Right, list []string) {
	for _, who := range list {
		found, err := g.find(right, who)
		if err != nil {
			g.log(true, fmt.Sprintf("[socket] %v: %q gets no right: %v", right, who, err))
			continue
		}
		g.grants = append(g.grants, found...)
	}
}

// findGroup finds the socket's group, which the node must be able to give it.
func (g *gate) findGroup(name string) *core.Fault {
	if name == "" {
		return nil
	}
	id, err := groupID(name)
	switch {
	case err == nil && g.owner != 0 && !ownGroup(id):
		err = errors.New("the node's user is not in it")
	case err == nil:
		g.group = id
		return nil
	}
	if name != usualGroup {
		return core.Faultf(core.CodeConfig, "[socket] group = %q: %v", name, err).WithHint("group = \"\" leaves the socket to the node's own user")
	}
	if g.owner == 0 {
		g.awaits = name
		g.log(false, fmt.Sprintf("the local socket is root's alone: %v; after groupadd --system %s its members may use it", err, name))
	}
	return nil
}

// come says whether the group that was missed is there now.
func (g *gate) come() bool {
	if g.awaits == "" {
		return false
	}
	_, err := groupID(g.awaits)
	return err == nil
}

// ownGroup says whether this process may give files to a group.
func ownGroup(id int) bool {
	groups, err := os.Getgroups()
	return id == os.Getegid() || err == nil && slices.Contains(groups, id)
}

// find gives what one of the lists' words stands for.
func (g *gate) find(right control.Right, who string) ([]grant, error) {
	if who == "*" {
		if g.group < 0 {
			return nil, nil
		}
		return []grant{{right, g.group, true}}, nil
	}
	name, isGroup := strings.CutPrefix(who, "@")
	find := userID
	if isGroup {
		find = groupID
	}
	id, err := find(name)
	if err == nil && id == nobody {
		err = errors.New("it stands for whomever the kernel cannot name")
	}
	return []grant{{right, id, isGroup}}, err
}

// nobody is what the kernel says of a user or a group that this user namespace
// does not have (overflowuid): it may be anybody.
const nobody = 65534

func userID(name string) (int, error) {
	if id, err := strconv.Atoi(name); err == nil {
		return id, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("there is no user %s", name)
	}
	return strconv.Atoi(u.Uid)
}

func groupID(name string) (int, error) {
	if id, err := strconv.Atoi(name); err == nil {
		return id, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("there is no group %s", name)
	}
	return strconv.Atoi(g.Gid)
}

// taskUser looks the user of tasks up, who may be made while the node runs.
func taskUser() func() int {
	if id, err := userID(config.TaskUser); err == nil {
		return func() int { return id }
	}
	return func() int {
		if id, err := userID(config.TaskUser); err == nil {
			return id
		}
		return -1
	}
}

// of is what a peer may do. The user of tasks has the name of the socket's group, and
// is likely to be in it, so that a task can ask its node. But nobody meant by that
// that it may submit: it could have a task run that is defined to run as root. For
// more than to read that user must be named.
func (g *gate) of(p netutil.Peer) control.Right {
	if p.UID == 0 || p.UID == g.owner {
		return control.Admin
	}
	right, most := control.Nothing, control.Admin
	if p.UID == g.tasks() {
		most = control.Read
	}
	for _, has := range g.grants {
		switch {
		case has.group && (p.GID == has.id || slices.Contains(p.Groups, has.id)):
			right = max(right, min(has.right, most))
		case !has.group && p.UID == has.id:
			right = max(right, has.right)
		}
	}
	return right
}

// judge says who calls, and what he may do.
func (g *gate) judge(conn net.Conn) control.Caller {
	unix, is := conn.(*net.UnixConn)
	if !is {
		panic(fmt.Sprintf("the local socket gives a %T", conn))
	}
	peer, err := netutil.PeerOf(unix)
	if err != nil {
		return control.Caller{Who: "whoever the kernel does not name"} // he is gone already
	}
	return control.Caller{Right: g.of(peer), Who: fmt.Sprintf("user %d", peer.UID)}
}
