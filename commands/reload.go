package commands

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"hb/core"
	"hb/core/config"
)

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

// stillThere refuses to take the lack of a configuration that the node was started with
// for a wish to have all defaults; path is empty when it was started without one.
func stillThere(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return core.Faultf(core.CodeConfig, "%s is gone", path).
			WithHint("put it back; hb config default prints one with all defaults")
	}
	return nil
}
