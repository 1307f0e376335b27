package commands

import (
	"errors"
	"io/fs"
	"os"

	"hb/core/config"
	"hb/core/pki"
)

// starting says how to start the node of this machine. Only who has no credentials is
// shown --dev: on a member that would found another cluster.
func (c *call) starting() string {
	conf, own := config.New(), os.Getuid()
	path, _ := c.configPath()
	if path != "" {
		conf, _ = config.Load(path)
	}
	if path == config.DefaultPath(own, os.Getenv) {
		path = ""
	}
	data := conf.Node.Data
	if data == "" {
		data = config.DefaultData(own, os.Getenv)
	}
	switch system := config.DefaultData(0, os.Getenv); {
	case isMember(data) && path == "" && own == 0 && hasUnit():
		return "start it with systemctl start hb"
	case isMember(data):
		return "start it with " + commandLine(startWords(path))
	case isMember(system):
		return "have root start it: systemctl start hb, or hb node"
	}
	return "start one with hb node --dev"
}

// startWords are the command that starts a node; path is its hb.toml where that is not
// the default.
func startWords(path string) []string {
	command := []string{"hb", "node"}
	if path != "" {
		command = append(command, "--config", path)
	}
	return command
}

// isMember says whether a data directory has credentials, or hides from this user
// whether it has.
func isMember(data string) bool {
	if data == "" {
		return false
	}
	_, err := pki.Load(data)
	return !errors.Is(err, fs.ErrNotExist)
}
