package commands

import (
	"os"
	"os/signal"
	"strings"
	"syscall"

	"hb/core/config"
	"hb/core/daemon"
)

// reloading has a node read its configuration again at SIGHUP. From here on that
// signal ends it no more.
func (c *call) reloading(started *config.Config) *daemon.Reload {
	wishes := make(chan os.Signal, 1)
	signal.Notify(wishes, syscall.SIGHUP)
	now := started
	return &daemon.Reload{Wishes: wishes, Read: func() (daemon.Settings, []string, error) {
		conf, err := nodeConfig(c)
		if err != nil {
			return daemon.Settings{}, nil, err
		}
		remarks := reloadRemarks(started, now, conf)
		now = conf
		return liveSettings(conf), remarks, nil
	}}
}

// liveSettings is what a running node takes over.
func liveSettings(conf *config.Config) daemon.Settings {
	return daemon.Settings{
		Slots: conf.Node.Slots, Tasks: conf.Tasks, AllowExec: conf.Node.AllowExec,
		Access: accessOf(conf), Seeds: conf.Cluster.Seeds,
	}
}

// accessOf is who may use the local socket.
func accessOf(conf *config.Config) daemon.Access {
	return daemon.Access{Group: conf.Socket.Group, Read: conf.Socket.Read, Submit: conf.Socket.Submit, Admin: conf.Socket.Admin}
}

// reloadRemarks says what is taken over since the last time, and what is not as
// long as the node runs as it was started.
func reloadRemarks(started, before, conf *config.Config) (remarks []string) {
	var taken []string
	for _, change := range config.Changes(before, conf) {
		if change.Live {
			taken = append(taken, change.Key)
		}
	}
	if len(taken) > 0 {
		remarks = append(remarks, "the configuration was read again; taken over: "+strings.Join(taken, ", "))
	} else {
		remarks = append(remarks, "the configuration was read again; nothing is taken over")
	}
	for _, change := range config.Changes(started, conf) {
		if !change.Live {
			remarks = append(remarks, change.Key+": needs a restart")
		}
	}
	return remarks
}
