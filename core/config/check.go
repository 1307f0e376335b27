package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"hb/core"
)

// longestSocket is what fits sun_path of sockaddr_un with its final zero.
const longestSocket = 107

// maybe lets a text be empty.
func maybe(check func(string) string) func(string) string {
	return func(s string) string {
		if s == "" {
			return ""
		}
		return check(s)
	}
}

// ValidName says whether a node may have a name (node.name), other than none.
func ValidName(s string) bool { return checkName(s) == "" }

// checkName is for names of nodes and clusters. They stand in shell words, in
// tables and in front of output lines, and must not be taken for a flag, for
// "@leader" or for a node ID.
func checkName(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > 63:
		return fmt.Sprintf("has %d characters", len(s))
	case strings.IndexFunc(s, notInName) >= 0:
		return fmt.Sprintf("%q has a character that names may not have", s)
	case strings.ContainsRune(".-", rune(s[0])):
		return fmt.Sprintf("%q begins with %q", s, s[:1])
	}
	if _, err := core.ParseNodeID(s); err == nil {
		return fmt.Sprintf("%q could be taken for a node ID", s)
	}
	return ""
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
}

func checkPath(s string) string {
	switch {
	case !filepath.IsAbs(s):
		return fmt.Sprintf("%q is not absolute", s)
	case strings.ContainsRune(s, 0):
		return "holds a zero byte"
	}
	return ""
}

// checkAccount sees what may name a user or a group; whether there is one only
// the machine knows. useradd(8) allows a "$" at the end.
func checkAccount(s string) string {
	bare := strings.TrimSuffix(s, "$")
	if bare == "" || len(s) > 32 || strings.IndexFunc(bare, notInName) >= 0 || bare[0] == '-' {
		return fmt.Sprintf("%q cannot name a user or a group", s)
	}
	return ""
}

// checkWho sees one of [socket]'s: a user, @GROUP or *.
func checkWho(s string) string {
	if s == "*" {
		return ""
	}
	return checkAccount(strings.TrimPrefix(s, "@"))
}

func checkSocket(s string) string {
	if problem := checkPath(s); problem != "" {
		return problem
	}
	if len(s) > longestSocket {
		return fmt.Sprintf("has %d bytes, more than the kernel takes", len(s))
	}
	return ""
}

func checkBind(s string) string {
	at, err := netip.ParseAddrPort(s)
	switch {
	case err != nil:
		return fmt.Sprintf("%q is not an IP address and a port", s)
	case at.Addr().IsMulticast():
		return fmt.Sprintf("%q is a multicast address", s)
	}
	return ""
}

// checkLoopback sees what only this machine reaches.
func checkLoopback(s string) string {
	at, err := netip.ParseAddrPort(s)
	switch {
	case err != nil:
		return fmt.Sprintf("%q is not an IP address and a port", s)
	case !at.Addr().IsLoopback():
		return fmt.Sprintf("%q can be reached from elsewhere", s)
	case at.Port() == 0:
		return fmt.Sprintf("%q has no port that could be asked", s)
	}
	return ""
}

// checkAdvertise cannot work a template out, as that depends on the machine; it
// only sees that it is one.
func checkAdvertise(s string) string {
	if isTemplate(s) {
		return ""
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		at, err := netip.ParseAddrPort(s)
		if err != nil {
			return fmt.Sprintf("%q is not an address", s)
		}
		if at.Port() == 0 {
			return fmt.Sprintf("%q has no port that others could reach", s)
		}
		addr = at.Addr()
	}
	if addr.IsUnspecified() || addr.IsMulticast() {
		return fmt.Sprintf("%q is no address of one machine", s)
	}
	return ""
}

func checkInterface(s string) string {
	if isTemplate(s) {
		return ""
	}
	// The kernel's own rule: dev_valid_name.
	if s == "" || len(s) > 15 || s == "." || s == ".." || strings.ContainsFunc(s, func(r rune) bool {
		return r == '/' || r == ':' || unicode.IsSpace(r) || !unicode.IsPrint(r)
	}) {
		return fmt.Sprintf("%q cannot name an interface", s)
	}
	return ""
}

func isTemplate(s string) bool { return strings.Contains(s, "{{") && strings.Contains(s, "}}") }

func checkSeed(s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Sprintf("%q is not a host and a port", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Sprintf("%q has no port from 1 to 65535", s)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.IsUnspecified() || addr.IsMulticast() {
			return fmt.Sprintf("%q is no address of one machine", s)
		}
		return ""
	}
	if host == "" || len(host) > 253 || strings.IndexFunc(host, notInName) >= 0 {
		return fmt.Sprintf("%q has no host name or IP address", s)
	}
	return ""
}

func checkMulticast(s string) string {
	switch addr, err := netip.ParseAddr(s); {
	case err != nil || !addr.IsMulticast():
		return fmt.Sprintf("%q is not a multicast address", s)
	case !addr.Is4():
		return fmt.Sprintf("%q is an IPv6 group, and beacons are IPv4", s)
	}
	return ""
}

// checkTag sees K=V; both are kept short because every member keeps the tags
// of all, and plain because they stand in --where K=V and K!=V.
func checkTag(s string) string {
	k, v, ok := strings.Cut(s, "=")
	switch {
	case !ok:
		return fmt.Sprintf("%q has no =", s)
	case k == "" || len(k) > 63 || strings.IndexFunc(k, notInName) >= 0:
		return fmt.Sprintf("%q is not a name for a tag (letters, digits, . _ -, at most 63)", k)
	case len(v) > 63:
		return fmt.Sprintf("%q is longer than 63 bytes", v)
	case strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Sprintf("%q has characters that cannot be printed", v)
	}
	return ""
}

// CheckTag says what is wrong with a tag K=V; empty when nothing is.
func CheckTag(s string) string { return checkTag(s) }

func inRange(low, high int) func(string) string {
	return func(s string) string {
		n, err := strconv.Atoi(s)
		return outside(s, err, n < low, n > high)
	}
}

func between(low, high time.Duration) func(string) string {
	return func(s string) string {
		d, err := core.ParseDuration(s)
		return outside(s, err, d < low, d > high)
	}
}

func outside(s string, err error, below, above bool) string {
	switch {
	case err != nil:
		return fmt.Sprintf("%q cannot be read", s)
	case below:
		return s + " is too small"
	case above:
		return s + " is too big"
	}
	return ""
}

func oneOf(words ...string) func(string) string {
	return func(s string) string {
		if slices.Contains(words, s) {
			return ""
		}
		return fmt.Sprintf("there is no %q", s)
	}
}
