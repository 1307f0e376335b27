package config

import (
	"path/filepath"
	"strconv"
)

// DefaultPath is where a user's hb.toml is looked for: /etc/hb/hb.toml for
// root, else $XDG_CONFIG_HOME/hb/hb.toml. env is os.Getenv. It is empty when
// the environment does not say where the user's home is.
func DefaultPath(uid int, env func(string) string) string {
	if uid == 0 {
		return "/etc/hb/hb.toml"
	}
	return under(env, "XDG_CONFIG_HOME", ".config", "hb/hb.toml")
}

// DefaultSocket is the Unix socket of a user's node: /run/hb/hb.sock for root,
// else $XDG_RUNTIME_DIR/hb/hb.sock.
func DefaultSocket(uid int, env func(string) string) string {
	if uid == 0 {
		return "/run/hb/hb.sock"
	}
	runtime := env("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(runtime) {
		// What systemd would have set.
		runtime = filepath.Join("/run/user", strconv.Itoa(uid))
	}
	return filepath.Join(runtime, "hb/hb.sock")
}

// DefaultData is the data directory of a user's node: /var/lib/hb for root,
// else $XDG_STATE_HOME/hb. It is empty when the environment does not say where
// the user's home is.
func DefaultData(uid int, env func(string) string) string {
	if uid == 0 {
		return "/var/lib/hb"
	}
	return under(env, "XDG_STATE_HOME", ".local/state", "hb")
}

// under resolves one of the XDG base directories; as its specification asks,
// a relative path in the variable counts as unset.
func under(env func(string) string, variable, fallback, rest string) string {
	base := env(variable)
	if !filepath.IsAbs(base) {
		home := env("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		base = filepath.Join(home, fallback)
	}
	return filepath.Join(base, rest)
}
