package daemon

import (
	"os"
	"os/user"
	"strconv"
	"strings"

	"hb/core"
	"hb/core/node"
	"hb/core/runnerd"
)

// cleanPath is where a task's command is looked for unless its spec says
// otherwise: a task must not depend on how the daemon was started.
const cleanPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// userVariables say whom the tasks run as.
func userVariables() []string {
	u, err := user.Current()
	if err != nil {
		return []string{"HOME=/", "USER=" + strconv.Itoa(os.Getuid())}
	}
	return []string{"HOME=" + u.HomeDir, "USER=" + u.Username}
}

// environment is what a task finds in its environment.
func environment(e node.Exec, user []string, name string, id core.NodeID) []string {
	env := append([]string{"PATH=" + cleanPath, "LANG=C.UTF-8"}, user...)
	for _, kv := range e.Spec.Env {
		key, _, _ := strings.Cut(kv, "=")
		env = set(env, key, kv)
	}
	for _, kv := range []string{
		"HB_TASK_ID=" + e.Task.String(),
		"HB_ATTEMPT=" + strconv.FormatUint(uint64(e.Attempt), 10),
		runnerd.FenceVariable(e.Fence),
		"HB_NODE=" + name,
		runnerd.NodeVariable(id),
	} {
		key, _, _ := strings.Cut(kv, "=")
		env = set(env, key, kv)
	}
	return env
}

func set(env []string, key, kv string) []string {
	for i, old := range env {
		if strings.HasPrefix(old, key+"=") {
			env[i] = kv
			return env
		}
	}
	return append(env, kv)
}
