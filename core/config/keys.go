package config

import (
	"slices"
	"strings"
	"time"

	"hb/core/detect/kinds"
)

// kind is the TOML type of a key's value.
type kind int

const (
	text   kind = iota // "words"                 string
	list               // ["a", "b"]              []string
	number             // 3                       int
	period             // "1s"                    time.Duration
	flag               // true                    bool
	labels             // {disk = "big"}          map[string]string
)

// key is one row of the table from which everything in this package is made.
type key struct {
	// section and name as they stand in the file.
	section, name string
	kind          kind
	// fallback is the default, written as in the file.
	fallback string
	// want says what would be right, in words and by example.
	want string
	// check says what is wrong with one value (of a list or of labels: with
	// one element, K=V), in the form a command line would have it; empty when
	// nothing is.
	check func(value string) string
	// doc is for the default file and the manual page.
	doc string
	// field points to the key's place in a Config; its type follows from kind.
	field func(*Config) any
}

// path is the key as findings and Set name it.
func (k key) path() string { return k.section + "." + k.name }

// section is a heading of the file.
type section struct{ name, doc string }

func sections() []section {
	return []section{
		{"node", "This machine."},
		{"socket", "Who may use the local API. Root and the node's own user may everything. A --dev node is its user's alone."},
		{"cluster", "The cluster to be in."},
		{"discover", "How members find each other without being told addresses."},
		{"detector", "How the living are told from the dead."},
		{"log", "The log that all members agree on."},
		{"metrics", "Figures for Prometheus. They are always at /metrics of the local socket."},
		{tasksSection, "What may be run here by name: a section [tasks.NAME] for each task."},
	}
}

// keys is the table. Order is the order of every output.
func keys() []key { return slices.Concat(nodeKeys(), addressKeys(), socketKeys(), clusterKeys()) }

func nodeKeys() []key {
	return []key{
		{"node", "name", text, `""`,
			`letters, digits, "." "_" "-", at most 63, like "web1"`, maybe(checkName),
			"The node's label among people, unique in its cluster. Empty: the short host name.",
			func(c *Config) any { return &c.Node.Name }},
		{"node", "data", text, `""`,
			`an absolute path, like "/var/lib/hb"`, maybe(checkPath),
			"Directory of the node's identity, log and spooled output. Empty: /var/lib/hb for root, else $XDG_STATE_HOME/hb.",
			func(c *Config) any { return &c.Node.Data }},
		{"node", "socket", text, `""`,
			`an absolute path of at most 107 bytes, like "/run/hb/hb.sock"`, maybe(checkSocket),
			"Unix socket of the local API. Empty: /run/hb/hb.sock for root, else $XDG_RUNTIME_DIR/hb/hb.sock.",
			func(c *Config) any { return &c.Node.Socket }},
		{"node", "tags", labels, `{}`,
			`words in quotes, like {disk = "big", zone = "a"}`, checkTag,
			"Labels for placement: hb submit --where disk=big.",
			func(c *Config) any { return &c.Node.Tags }},
		{"node", "slots", number, `0`,
			"a whole number from 0 to 10000, like 4", inRange(0, 10000),
			"How many tasks run here at once. 0: one for each processor.",
			func(c *Config) any { return &c.Node.Slots }},
		{"node", "allow_exec", flag, `false`,
			"true or false", nil,
			"Run any command here that somebody may submit, not only the tasks defined below. A --dev node always does.",
			func(c *Config) any { return &c.Node.AllowExec }},
	}
}

func addressKeys() []key {
	return []key{
		{"node", "bind", list, `["0.0.0.0:7117"]`,
			`IP:PORT, like "0.0.0.0:7117" or "[::]:7117"`, checkBind,
			"Addresses to listen on, by UDP and TCP alike. Port 0: any free one.",
			func(c *Config) any { return &c.Node.Bind }},
		{"node", "advertise", list, `[]`,
			`IP, IP:PORT or a go-sockaddr template, like "10.0.0.1" or "{{ GetPrivateIP }}"`, checkAdvertise,
			"Where others reach this node, when that is not what it is bound to. A go-sockaddr template is worked out at each start. Empty: the bound address, or the machine's private one.",
			func(c *Config) any { return &c.Node.Advertise }},
		{"node", "interface", list, `[]`,
			`names of network interfaces or a go-sockaddr template, like "eth0"`, checkInterface,
			"Network interfaces for beacons and for the choice of an address. Empty: all that are up.",
			func(c *Config) any { return &c.Node.Interface }},
	}
}

func socketKeys() []key {
	const who = `users, groups as "@NAME", "*" for the socket's group, like ["alice", "@ops"]`
	return []key{
		{"socket", "group", text, `"hb"`,
			`the name or number of a group, like "hb"`, maybe(checkAccount),
			"The group that owns the socket and its directory: whoever is not in it is kept out by the kernel, whatever the lists below say. If there is no group hb, or when it is empty, only root and the node's own user get in.",
			func(c *Config) any { return &c.Socket.Group }},
		{"socket", "read", list, `["*"]`, who, checkWho,
			"Who may look: members, tasks and their output, events, the log.",
			func(c *Config) any { return &c.Socket.Read }},
		{"socket", "submit", list, `["*"]`, who, checkWho,
			"Who may also submit, cancel and schedule tasks, and put notes into the log.",
			func(c *Config) any { return &c.Socket.Submit }},
		{"socket", "admin", list, `[]`, who, checkWho,
			"Who may also drain, forget and leave, move leadership and votes, and take snapshots.",
			func(c *Config) any { return &c.Socket.Admin }},
	}
}

func clusterKeys() []key {
	return []key{
		{"cluster", "name", text, `"hb"`,
			`letters, digits, "." "_" "-", at most 63, like "lab"`, checkName,
			"The cluster's label among people, given when it is founded. Its identity is a random number.",
			func(c *Config) any { return &c.Cluster.Name }},
		{"cluster", "seeds", list, `[]`,
			`HOST:PORT, like "10.0.0.1:7117" or "db1.example:7117"`, checkSeed,
			"Members to ask first. A DNS name stands for all its addresses and is looked up again at each try. Empty: what beacons find.",
			func(c *Config) any { return &c.Cluster.Seeds }},
		{"discover", "beacons", flag, `true`,
			"true or false", nil,
			"Call for members by UDP broadcast and multicast, and answer such calls.",
			func(c *Config) any { return &c.Discover.Beacons }},
		{"discover", "port", number, `7118`,
			"a port from 1 to 65535, like 7118", inRange(1, 65535),
			"UDP port of all beacons; the same on all members.",
			func(c *Config) any { return &c.Discover.Port }},
		{"discover", "multicast", text, `"239.192.71.18"`,
			`an IPv4 multicast address, like "239.192.71.18", or "" for none`, maybe(checkMulticast),
			"Group to call besides broadcast; the same on all members. Empty: broadcast only.",
			func(c *Config) any { return &c.Discover.Multicast }},
		{"detector", "kind", text, `"swim"`,
			`"swim", "central", "ring", "ring-bi", "all-to-all" or "gossip"`,
			oneOf(kinds.Names()...),
			"The failure detector; all members of a cluster use the same. swim: constant load and bounded delay, the best for every cluster. The others are what the books begin with: central (all tell the leader, nobody watches it), ring and ring-bi (each tells one or both neighbours), all-to-all, gossip (each tells three others what it knows of all).",
			func(c *Config) any { return &c.Detector.Kind }},
		{"detector", "spread", text, `"piggyback"`,
			`"piggyback", "unicast" or "multicast"`, oneOf("piggyback", "unicast", "multicast"),
			"How news of members leaves this one. piggyback: on packets that leave anyway, and everybody passes it on. unicast: to each of the others, once. multicast: in one beacon to all on the wire, best effort; without beacons it is unicast. Members may differ.",
			func(c *Config) any { return &c.Detector.Spread }},
		{"detector", "period", period, `"1s"`,
			`a duration from 50ms to 1m, like "1s"`, between(50*time.Millisecond, time.Minute),
			"Time between two probes of one member; all members of a cluster use the same. A crash is noticed after a few periods.",
			func(c *Config) any { return &c.Detector.Period }},
		{"log", "voters", number, `3`,
			"1, 3, 5 or 7", oneOf("1", "3", "5", "7"),
			"How many members shall vote in a cluster that this node founds, once there are so many: of 3 one may be lost, of 5 two. Later `hb voters set` changes it.",
			func(c *Config) any { return &c.Log.Voters }},
		{"metrics", "listen", text, `""`,
			`IP:PORT on loopback, like "127.0.0.1:7119", or "" for nowhere`, maybe(checkLoopback),
			"Where to serve /metrics by HTTP, besides. Whoever is on this machine may ask there. Empty: nowhere.",
			func(c *Config) any { return &c.Metrics.Listen }},
	}
}

// keysOf are the rows of a section.
func keysOf(section string) (rows []key) {
	for _, k := range keys() {
		if k.section == section {
			rows = append(rows, k)
		}
	}
	return rows
}

// find gives the row of a key.
func find(section, name string) (key, bool) {
	for _, k := range keys() {
		if k.section == section && k.name == name {
			return k, true
		}
	}
	return key{}, false
}

// nearest is the candidate with the fewest edits from a word, if they are few
// enough (a third of it, at least one) to be a slip of the hand.
func nearest(word string, candidates []string) (string, bool) {
	if len(word) > 63 {
		return "", false
	}
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best, best != ""
}

// distance counts the edits (insert, delete, replace; Levenshtein) from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
