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

// usualUser is whom tasks run as where root runs the node.
const usualUser = "hb"

// definitions are what may be run here. Whatever other members or the log say,
// nothing else is.
type definitions struct {
	free   bool // any command
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
	bad        error            // why nothing can run as this user
}

// openDefinitions looks up the users of all tasks. One that is not there keeps
// its tasks from running, and not the node.
func openDefinitions(o *Options, log func(bool, string)) definitions {
	d := definitions{free: o.AllowExec || o.Dev, usual: ownAccount(), byName: map[string]*definition{}}
	if !o.Dev && os.Geteuid() == 0 {
		d.usual = accountOf(usualUser)
	}
	if d.usual.bad != nil && (d.free || len(o.Tasks) > 0) {
		log(true, fmt.Sprintf("tasks that name no user cannot run here: %v; useradd --system %s mends it", d.usual.bad, usualUser))
	}
	for _, name := range slices.Sorted(maps.Keys(o.Tasks)) {
		def := &definition{Task: o.Tasks[name], as: d.usual}
		if def.User != "" {
			if def.as = accountOf(def.User); def.as.bad != nil {
				log(true, fmt.Sprintf("the task %s cannot run here: %v", name, def.as.bad))
			}
		}
		d.byName[name] = def
	}
	return d
}

// ownAccount is the user of this process.
func ownAccount() account { return account{env: userVariables()} }

// accountOf finds a user by name or number.
func accountOf(name string) account {
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return account{bad: fmt.Errorf("there is no user %s", name)}
		}
	}
	if u.Uid == strconv.Itoa(os.Geteuid()) {
		return account{env: []string{"HOME=" + u.HomeDir, "USER=" + u.Username}}
	}
	if os.Geteuid() != 0 {
		return account{bad: fmt.Errorf("only a node that root runs can run tasks as %s", name)}
	}
	groups, err := u.GroupIds()
	if err != nil {
		return account{bad: fmt.Errorf("the groups of the user %s cannot be found: %w", name, err)}
	}
	ids := make([]uint32, 0, len(groups)+2)
	for _, word := range append([]string{u.Uid, u.Gid}, groups...) {
		id, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return account{bad: fmt.Errorf("the user %s has no number: %q", name, word)}
		}
		ids = append(ids, uint32(id))
	}
	return account{
		credential: &wire.RunnerUser{Uid: ids[0], Gid: ids[1], Groups: ids[2:]},
		env:        []string{"HOME=" + u.HomeDir, "USER=" + u.Username},
	}
}

// order is what the runner process is to do for a grant, or why nothing is done.
func (d *definitions) order(spec *wire.Spec) (*wire.RunnerExec, account, error) {
	if len(spec.GetArgv()) > 0 {
		if !d.free {
			return nil, account{}, errors.New("this member runs no free commands: [node] allow_exec is false in its hb.toml")
		}
		return &wire.RunnerExec{Argv: raw(spec.Argv), Cwd: spec.Cwd, Stdin: spec.Stdin, LimitNanos: spec.TimeLimitNanos, User: d.usual.credential}, d.usual, d.usual.bad
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
	return e, def.as, def.as.bad
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

// offer is what the cluster is told.
func (d *definitions) offer() *wire.Offer {
	o := &wire.Offer{Free: d.free}
	for _, name := range slices.Sorted(maps.Keys(d.byName)) {
		def := d.byName[name]
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
