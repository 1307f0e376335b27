package daemon

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"hb/core"
	"hb/core/config"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// definitions are what may be run here. Whatever other members or the log say,
// nothing else is.
type definitions struct {
	free   bool   // any command
	named  string // whom tasks run as that name no user; empty: this process's own
	usual  account
	byName map[string]*definition
}

// definition is one task of the configuration.
type definition struct {
	*config.Task
	as account
}

// account is whom tasks run as.
type account struct {
	credential *wire.RunnerUser // nil: this process's own user
	env        []string         // what the environment says of the user
	bad        error            // why nothing can run as this user, behind a member's name
}

// openDefinitions looks up the users of all tasks. One that is not there keeps
// its tasks from running, and not the node.
func openDefinitions(o *Options, log func(bool, string)) definitions {
	d := definitions{free: o.AllowExec || o.Dev, byName: map[string]*definition{}}
	if !o.Dev && os.Geteuid() == 0 {
		d.named = config.TaskUser
	}
	for name, task := range o.Tasks { // each on its own
		d.byName[name] = &definition{Task: task}
	}
	d = d.lookedUp()
	for _, u := range d.offer().Unable {
		log(true, "this node "+node.UnableText(u))
	}
	return d
}

// lookedUp are the same definitions, with users as they are found now.
func (d *definitions) lookedUp() definitions {
	now := definitions{free: d.free, named: d.named, usual: ownAccount(), byName: map[string]*definition{}}
	if d.named != "" {
		now.usual = accountOf(d.named)
	}
	for name, def := range d.byName { // each on its own
		as := now.usual
		if def.User != "" {
			as = accountOf(def.User)
		}
		now.byName[name] = &definition{Task: def.Task, as: as}
	}
	return now
}

// ownAccount is the user of this process.
func ownAccount() account { return account{env: userVariables()} }

// accountOf finds a user by name or number.
func accountOf(name string) account {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return account{bad: fmt.Errorf("has no user %s: useradd --system %s", name, name)}
		}
	}
	if u.Uid == strconv.Itoa(os.Geteuid()) {
		return account{env: []string{"HOME=" + u.HomeDir, "USER=" + u.Username}}
	}
	if os.Geteuid() != 0 {
		return account{bad: fmt.Errorf("cannot run tasks as %s: root does not run its node", name)}
	}
	groups, err := u.GroupIds()
	if err != nil {
		return account{bad: fmt.Errorf("cannot find the groups of the user %s: %w", name, err)}
	}
	ids := make([]uint32, 0, len(groups)+2)
	for _, word := range append([]string{u.Uid, u.Gid}, groups...) {
		id, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return account{bad: fmt.Errorf("has a user %s without a number: %q", name, word)}
		}
		ids = append(ids, uint32(id))
	}
	return account{
		credential: &wire.RunnerUser{Uid: ids[0], Gid: ids[1], Groups: ids[2:]},
		env:        []string{"HOME=" + u.HomeDir, "USER=" + u.Username},
	}
}

// trouble is bad, as a sentence.
func (a account) trouble() error {
	if a.bad == nil {
		return nil
	}
	return fmt.Errorf("this member %w", a.bad)
}

// order is what the runner process is to do for a grant, or why nothing is done.
func (d *definitions) order(spec *wire.Spec) (*wire.RunnerExec, account, error) {
	if len(spec.GetArgv()) > 0 {
		if !d.free {
			return nil, account{}, errors.New("this member runs no free commands: [node] allow_exec is false in its hb.toml")
		}
		return &wire.RunnerExec{Argv: raw(spec.Argv), Cwd: spec.Cwd, Stdin: spec.Stdin, LimitNanos: spec.TimeLimitNanos, User: d.usual.credential}, d.usual, d.usual.trouble()
	}
	def := d.byName[spec.GetName()]
	if def == nil {
		return nil, account{}, fmt.Errorf("this member defines no task %q", spec.GetName())
	}
	if why := def.excess(spec); why != "" {
		return nil, account{}, fmt.Errorf("the task %s takes no %s here", spec.Name, why)
	}
	e := &wire.RunnerExec{
		Argv: raw(slices.Concat(def.Command, spec.Args)), Stdin: spec.Stdin, LimitNanos: spec.TimeLimitNanos, User: def.as.credential,
	}
	if limit := int64(def.TimeLimit); limit > 0 && (e.LimitNanos == 0 || limit < e.LimitNanos) {
		e.LimitNanos = limit
	}
	limits := &wire.RunnerLimits{MemoryBytes: def.MemoryBytes(), CpuPercent: uint32(def.CPU), Processes: uint32(def.Processes), Files: uint32(def.Files)}
	if limits.MemoryBytes > 0 || limits.CpuPercent > 0 || limits.Processes > 0 || limits.Files > 0 {
		e.Limits = limits
	}
	return e, def.as, def.as.trouble()
}

// excess is what a spec brings along that a definition does not take. Variables
// could make any program run another (LD_PRELOAD), so none are taken.
func (d *definition) excess(spec *wire.Spec) string {
	switch {
	case len(spec.Args) > 0 && !d.Args:
		return "arguments"
	case len(spec.Stdin) > 0 && !d.Args:
		return "standard input"
	case spec.Cwd != "":
		return "directory"
	case slices.ContainsFunc(spec.Env, foreign):
		return "variables"
	}
	return ""
}

// foreign says whether a variable is not one that hb itself tells a task.
// HB_SOCKET, say, would lead hb itself astray.
func foreign(kv string) bool {
	name, _, _ := strings.Cut(kv, "=")
	return !ledger.TellsWhy(name)
}

// offer is what the cluster is told: what runs here, and what would and cannot.
func (d *definitions) offer() *wire.Offer {
	o := &wire.Offer{Free: d.free && d.usual.bad == nil}
	unable := map[string]*wire.Unable{} // by why
	cannot := func(bad error) *wire.Unable {
		u := unable[bad.Error()]
		if u == nil {
			u = &wire.Unable{Why: bad.Error()}
			unable[u.Why] = u
			o.Unable = append(o.Unable, u)
		}
		return u
	}
	if d.free && d.usual.bad != nil {
		cannot(d.usual.bad).Free = true
	}
	for _, name := range slices.Sorted(maps.Keys(d.byName)) {
		def := d.byName[name]
		if def.as.bad != nil {
			u := cannot(def.as.bad)
			u.Tasks = append(u.Tasks, name)
			continue
		}
		o.Tasks = append(o.Tasks, &wire.Definition{Name: name, Digest: def.digest(), Args: def.Args, Once: !def.Idempotent})
	}
	return o
}

// digest tells definitions apart that are not the same on all members.
func (d *definition) digest() uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %v %q %v %v %d %d %d %d", d.Command, d.Args, d.User, d.Idempotent, d.TimeLimit, d.MemoryBytes(), d.CPU, d.Processes, d.Files))
	return binary.BigEndian.Uint64(sum[:])
}

// exec starts an attempt, if this node runs such.
func (t *tasks) exec(e node.Exec) {
	order, as, err := t.may.order(e.Spec)
	if err != nil {
		at := time.Now().UnixNano()
		result := &wire.Result{Exit: int32(core.CodeNotExec), Error: err.Error(), StartedNanos: at, EndedNanos: at}
		t.spawn(func() { t.tell(node.ExecEnded{Fence: e.Fence, Result: result}) })
		return
	}
	t.live[e.Fence] = 0
	order.Fence, order.Until, order.Abreast = uint64(e.Fence), int64(e.Until), uint32(e.Abreast)
	order.Env = raw(environment(e, as.env, t.name, t.id))
	t.session.send(&wire.ToRunner{Body: &wire.ToRunner_Exec{Exec: order}})
}
