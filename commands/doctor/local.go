package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"hb/commands/doctor/judge"
	"hb/core"
	"hb/core/config"
	"hb/core/control"
	"hb/core/pki"
	"hb/netutil"
)

// syncTries is how many small writes are synced.
const syncTries = 9

// lookAtData looks at the data directory, and the disk under it.
func (g *gathering) lookAtData() {
	if g.Data == "" {
		return
	}
	d := &judge.Data{Dir: g.Data}
	g.facts.Data = d
	at := g.Data
	info, err := os.Stat(at)
	for errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) { // what will hold it
		at = filepath.Dir(at)
		info, err = os.Stat(at)
	}
	d.Exists = at == g.Data
	switch {
	case err != nil:
		d.Owner = "another user"
		g.keptOut(d, err)
		return
	case !info.IsDir():
		d.Owner, d.Fault = owner(info), at+" is no directory"
		return
	}
	d.Owner = owner(info)
	if err := unix.Access(at, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
		g.keptOut(d, fmt.Errorf("%s: %w", at, err))
		return
	}
	if d.Exists {
		d.Open, d.Fault = inspect(at, info)
	}
	var st unix.Statfs_t
	if unix.Statfs(at, &st) == nil {
		d.Free, d.Inodes = st.Bavail*uint64(st.Bsize), st.Ffree
		if st.Files == 0 { // a file system that does not count them
			d.Inodes = ^uint64(0)
		}
	}
	d.Sync, d.Worst, err = timeSync(at)
	if err != nil {
		d.SyncFault = netutil.Reason(err).Error()
	}
}

// keptOut says that this user may not use the directory: which is as it should be
// where the node is another user's.
func (g *gathering) keptOut(d *judge.Data, err error) {
	mine := g.Data == config.DefaultData(os.Getuid(), os.Getenv)
	if info, e := os.Stat(g.Path); e == nil && g.Path != "" {
		mine = mine || owner(info) == g.facts.User
	}
	if errors.Is(err, fs.ErrPermission) && !mine && !g.facts.Root {
		d.Closed = true
		return
	}
	d.Fault = err.Error()
}

func owner(info fs.FileInfo) string {
	if st, is := info.Sys().(*syscall.Stat_t); is {
		return UserName(int(st.Uid))
	}
	return "nobody"
}

// inspect looks for keys that others may read, and for files that are not those of
// the directory's owner: as after the node was run once by root.
func inspect(dir string, info fs.FileInfo) (open []string, fault string) {
	left := 1000
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || left == 0 {
			return fs.SkipDir
		}
		left--
		if entry.IsDir() && entry.Name() == "spool" {
			return fs.SkipDir // the tasks' own
		}
		i, err := entry.Info()
		if err != nil {
			return nil
		}
		if o := owner(i); o != owner(info) && fault == "" {
			fault = fmt.Sprintf("%s belongs to %s, and the directory to %s", path, o, owner(info))
		}
		if filepath.Base(filepath.Dir(path)) == "pki" && strings.HasSuffix(path, ".key") && i.Mode().Perm()&0o077 != 0 {
			open = append(open, path)
		}
		return nil
	})
	return open, fault
}

// timeSync writes and syncs a small file a few times, as a commit does.
func timeSync(dir string) (median, worst time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".hb-doctor-*")
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 512)
	var took []time.Duration
	for range syncTries {
		before := time.Now()
		if _, err = f.Write(block); err == nil {
			err = unix.Fdatasync(int(f.Fd()))
		}
		if err != nil {
			return 0, 0, err
		}
		took = append(took, time.Since(before))
		if took[len(took)-1] > 2*time.Second {
			break // slow enough
		}
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1], nil
}

// lookAtCredentials reads the node's credentials.
func (g *gathering) lookAtCredentials() {
	if g.Data == "" || g.facts.Data != nil && g.facts.Data.Closed {
		return
	}
	own, err := pki.Load(g.Data)
	c := &judge.Credentials{Renew: pki.RenewBefore}
	g.facts.Credentials = c
	var fault *core.Fault
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.None = true
		return
	case errors.As(err, &fault):
	case err != nil:
		fault = core.Faultf(core.CodeIO, "%v", err)
	default:
		g.own = own
		c.Name, c.Cluster, c.Begin, c.End = own.Identity.Name, own.Identity.Cluster.String(), own.Begin(), own.Identity.Expiry
		fault = own.Valid(g.facts.Now)
	}
	if fault != nil {
		c.Fault, c.Hint = fault.Message, fault.Hint
	}
}

// lookAtTasks finds the tasks that no user is there for: the node says so, and where
// none runs, it will.
func (g *gathering) lookAtTasks() {
	if n := g.facts.Node; n != nil && n.Status != nil {
		g.facts.Unable = n.Status.Unable
		return
	}
	if !g.System {
		return
	}
	lacking := map[string]*control.Unable{} // by user
	lacks := func(user string) *control.Unable {
		if lacking[user] == nil {
			lacking[user] = &control.Unable{Why: fmt.Sprintf("has no user %s: useradd --system %s", user, user)}
		}
		return lacking[user]
	}
	if g.Config.Node.AllowExec && !isUser(config.TaskUser) {
		lacks(config.TaskUser).Free = true
	}
	for _, name := range slices.Sorted(maps.Keys(g.Config.Tasks)) {
		if user := orElse(g.Config.Tasks[name].User, config.TaskUser); !isUser(user) {
			u := lacks(user)
			u.Tasks = append(u.Tasks, name)
		}
	}
	for _, user := range slices.Sorted(maps.Keys(lacking)) {
		g.facts.Unable = append(g.facts.Unable, *lacking[user])
	}
}

// isUser says whether a user is there, by name or number.
func isUser(name string) bool {
	_, err := user.Lookup(name)
	if err != nil {
		_, err = user.LookupId(name)
	}
	return err == nil
}

// lookAtProcess looks at the node's process, where this user may.
func lookAtProcess(pid int) *judge.Process {
	p := &judge.Process{PID: pid}
	dir := "/proc/" + strconv.Itoa(pid)
	limits, err := os.ReadFile(dir + "/limits")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(limits)) {
		if rest, is := strings.CutPrefix(line, "Max open files"); is {
			if f := strings.Fields(rest); len(f) > 0 {
				p.MostFiles, _ = strconv.ParseUint(f[0], 10, 64)
			}
		}
	}
	if open, err := os.ReadDir(dir + "/fd"); err == nil {
		p.Files = uint64(len(open))
	}
	if status, err := os.ReadFile(dir + "/status"); err == nil {
		_, rest, _ := strings.Cut(string(status), "VmSwap:")
		if f := strings.Fields(rest); len(f) > 0 {
			kib, _ := strconv.ParseUint(f[0], 10, 54)
			p.Swapped = kib << 10
		}
	}
	return p
}
