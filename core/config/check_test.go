package config

import (
	"strings"
	"testing"
)

func TestWhatEachKeyTakesAndRefuses(t *testing.T) {
	long := strings.Repeat("a", 64)
	for key, c := range map[string]struct{ good, bad []string }{
		"node.name":          {[]string{"", "a", "Web-1.x_y", "0", long[:63]}, []string{long, "-a", ".a", "a b", "é", "a/b", "00000000000000ab", "@leader"}},
		"cluster.name":       {[]string{"lab"}, []string{"", "a b"}},
		"node.data":          {[]string{"", "/a b"}, []string{"a", "./a", "/a\x00"}},
		"node.socket":        {[]string{"", "/a", "/" + strings.Repeat("a", 106)}, []string{"a", "/" + strings.Repeat("a", 107)}},
		"node.bind":          {[]string{"0.0.0.0:7117", "[::]:0", "[fe80::1%eth0]:1"}, []string{"", "7117", ":7117", "0.0.0.0", "host:7117", "1.2.3.4:65536", "224.0.0.1:7117"}},
		"node.advertise":     {[]string{"10.0.0.1", "10.0.0.1:1", "fd00::1", "[fd00::1]:1", "{{ GetPrivateIP }}"}, []string{"", "host", "0.0.0.0", "10.0.0.1:0", "239.0.0.1", "{{"}},
		"node.interface":     {[]string{"eth0", "br-0.1", "{{ GetAllInterfaces }}"}, []string{"", ".", "..", "a/b", "a b", "a:1", long[:16]}},
		"socket.group":       {[]string{"", "hb", "990", "smb$"}, []string{"@hb", "*", "-g", "a b", "a:b", "$", long}},
		"socket.read":        {[]string{"*", "alice", "@ops", "1000", "@990"}, []string{"", "@", "@@a", "a,b", "alice ", "-a"}},
		"socket.admin":       {[]string{"@wheel"}, []string{"root:root"}},
		"node.tags":          {[]string{"a=", "a=b c", "a.b=c=d", "a=é"}, []string{"", "a", "=a", "a b=c", "a!=b", "a=\n", "a=" + long}},
		"node.slots":         {[]string{"0", "10000"}, []string{"", "-1", "10001", "1.5", "99999999999999999999"}},
		"cluster.seeds":      {[]string{"a:1", "a.b-c.d:65535", "10.0.0.1:7117", "[::1]:7117"}, []string{"", "a", "a:0", "a:65536", ":1", "a b:1", "::1:7117", "0.0.0.0:1", "[ff02::1]:1", "a:http"}},
		"discover.port":      {[]string{"1", "65535"}, []string{"0", "65536"}},
		"discover.multicast": {[]string{"", "239.192.71.18"}, []string{"10.0.0.1", "ff02::71", "239.192.71.18:7118", "x"}},
		"detector.period":    {[]string{"50ms", "1m", "1500ms"}, []string{"", "1", "49ms", "61s", "-1s", "1y"}},
		"detector.kind":      {[]string{"swim", "central", "ring", "ring-bi", "all-to-all", "gossip"}, []string{"", "SWIM", "rumour"}},
		"detector.spread":    {[]string{"piggyback", "unicast", "multicast"}, []string{"", "broadcast"}},
		"log.voters":         {[]string{"1", "3", "5", "7"}, []string{"0", "2", "4", "9", "03"}},
	} {
		for _, value := range c.good {
			if err := New().Set(key, value); err != nil {
				t.Errorf("%s refuses %q: %v", key, value, err)
			}
		}
		for _, value := range c.bad {
			if err := New().Set(key, value); err == nil {
				t.Errorf("%s takes %q", key, value)
			}
		}
	}
}

func TestNearestForgivesASlipOnly(t *testing.T) {
	known := []string{"name", "data", "socket", "bind"}
	for word, want := range map[string]string{"nam": "name", "Name": "name", "sokcet": "socket", "bindd": "bind", "colour": "", "x": "", "": ""} {
		if got, ok := nearest(word, known); got != want || ok != (want != "") {
			t.Errorf("nearest(%q) = %q, wanted %q", word, got, want)
		}
	}
}

func TestDurationsAreWrittenShort(t *testing.T) {
	for _, s := range []string{"50ms", "1s", "1m", "1m30s", "1h", "1h30m", "10s", "20m", "1.5s"} {
		c := New()
		if problem := (key{kind: period, field: func(c *Config) any { return &c.Detector.Period }}).put(c, []string{s}); problem != "" {
			t.Fatal(problem)
		}
		if got := shortDuration(c.Detector.Period); got != s {
			t.Errorf("%s is written %s", s, got)
		}
	}
}
