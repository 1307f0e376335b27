package cluster

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hb/core"
	"hb/core/ledger"
	"hb/core/pki"
	"hb/core/store"
	"hb/core/wire"
)

// evidence is all that a cluster let somebody see.
type evidence struct {
	t    *testing.T
	c    *cluster
	what []string
	seen map[string][]byte
}

func (e *evidence) keep(where string, b []byte) {
	if _, again := e.seen[where]; again {
		where = fmt.Sprintf("%s (%d)", where, len(e.what))
	}
	e.what, e.seen[where] = append(e.what, where), b
}

// ran keeps what a command printed; but for its standard output, if it is meant to
// print a secret.
func (e *evidence) ran(what string, r result, told bool) {
	if !told {
		e.keep("standard output of "+what, []byte(r.out))
	}
	e.keep("standard error of "+what, []byte(r.err))
}

// hb runs a client command in every form of output.
func (e *evidence) hb(n *node, args ...string) {
	e.t.Helper()
	for _, form := range []string{"table", "plain", "json", "jsonl"} {
		r := e.c.hb(n, append(args, "-o", form)...)
		if r.code == 64 || len(r.out) == 0 {
			e.t.Errorf("hb %s -o %s: exit %d, %s", strings.Join(args, " "), form, r.code, r.err)
		}
		e.ran("hb "+strings.Join(args, " ")+" -o "+form+" on "+n.name, r, false)
	}
}

// processes keeps the arguments and the environment of all processes there are,
// once some words are among them.
func (e *evidence) processes(words ...string) {
	e.t.Helper()
	var all []byte
	untilTrue(e.t, fmt.Sprintf("some process has %q in its arguments or environment", words), func() bool {
		all = nil
		for _, pattern := range []string{"/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"} {
			paths, _ := filepath.Glob(pattern)
			for _, path := range paths {
				if b, err := os.ReadFile(path); err == nil { // else it has just ended
					all = append(append(all, b...), '\n')
				}
			}
		}
		return !slices.ContainsFunc(words, func(w string) bool { return !bytes.Contains(all, []byte(w)) })
	})
	e.keep("the processes' arguments and environments", all)
}

// disk keeps all files below a directory, and checks that nobody else can read
// those that are meant to hold secrets.
func (e *evidence) disk(dir string, meant ...string) {
	e.t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if slices.Contains(meant, d.Name()) {
			if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
				e.t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
			return nil
		}
		b, err := os.ReadFile(path)
		e.keep("file "+path, b)
		return err
	})
	if err != nil {
		e.t.Error(err)
	}
}

// judge looks for the secrets everywhere.
func (e *evidence) judge(s *search) {
	e.t.Helper()
	size := 0
	for _, where := range e.what {
		b := e.seen[where]
		size += len(b)
		if found := append(s.in(b), s.in(joined(b))...); len(found) > 0 {
			e.t.Errorf("%s has %s", where, strings.Join(slices.Compact(found), ", "))
		}
	}
	e.t.Logf("%d secrets looked for in %d places, %d kB", len(s.names), len(e.what), size>>10)
}

// privateKeys learns a machine's keys, as bytes, from the one file that has them.
func (s *search) privateKeys(t *testing.T, n *node) (own *pki.Keys) {
	t.Helper()
	data := filepath.Join(n.dir, "data")
	own, err := pki.LoadKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(data, "pki", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		switch key := key.(type) {
		case ed25519.PrivateKey:
			s.add(n.name+"'s signing key", key.Seed())
		case *ecdh.PrivateKey:
			s.add(n.name+"'s wrapping key", key.Bytes())
		}
	}
	if found := s.in(joined(text)); len(found) < 4 { // both halves of both
		t.Fatalf("the search finds only %q in the file of %s's keys", found, n.name)
	}
	return own
}

// token learns a token, as bytes and as its text.
func (s *search) token(t *testing.T, name, text string) {
	t.Helper()
	token, err := pki.ParseToken(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	s.add(name, token.Secret.Reveal())
	const fingerprint = len(pki.TokenPrefix) + 26 // what is before tells only which cluster it is
	s.text(name+"'s text", text[fingerprint:fingerprint+25])
	if found := s.in([]byte(text)); len(found) < 2 {
		t.Fatalf("the search finds only %q in %s", found, name)
	}
}

// sealed learns what the log holds sealed to a machine, and what its keys have in
// common with others': the authority's key, and the generations of the datagrams'.
func (s *search) sealed(t *testing.T, n *node, own *pki.Keys) (generations int) {
	t.Helper()
	st, found, err := store.OpenDir(filepath.Join(n.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	state, err := ledger.Decode(found.Snapshot.Data)
	if err != nil {
		t.Fatal(err)
	}
	cluster := core.ClusterID(found.Identity.Cluster)
	key := func(g uint32, wraps []*wire.WrappedKey) {
		for _, w := range wraps {
			if secret, err := own.Open(fmt.Sprintf("datagrams of %s, generation %d", cluster, g), w.Sealed); err == nil {
				s.add(fmt.Sprintf("generation %d of the datagrams' key", g), secret.Reveal())
				generations = max(generations, int(g))
			}
		}
	}
	for _, c := range state.Credentials() {
		if ca, err := own.Open("authority", c.Authority); err == nil {
			s.add("the authority's key", ca.Reveal())
		}
		if shared, err := own.Shared(c.WrapKey); err == nil {
			s.add(n.name+"'s secret in common with "+c.Name, shared.Reveal())
		}
	}
	for _, e := range found.Entries {
		batch := &wire.Entry{}
		if wire.Unmarshal(e.Data, batch) != nil {
			continue
		}
		for _, command := range batch.Commands {
			switch b := command.Body.(type) {
			case *wire.Command_RotateKey:
				key(b.RotateKey.Generation, b.RotateKey.Wraps)
			case *wire.Command_WrapKey:
				key(b.WrapKey.Generation, b.WrapKey.Wraps)
			case *wire.Command_Admit:
				if shared, err := own.Shared(b.Admit.WrapKey); err == nil {
					s.add(n.name+"'s secret in common with "+b.Admit.Name, shared.Reveal())
				}
			}
		}
	}
	return generations
}

// overhear writes down all packets of a network, from the bridge.
func overhear(t *testing.T, bridge string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "packets")
	cmd := command(bridge, neighbour(t), "--to", "10.77.0.1:7117", "--for", "10m", "--record", file, "listen")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	untilTrue(t, "packets are written down", func() bool { _, err := os.Stat(file); return err == nil })
	return file
}

// join has a machine join by a token on standard input or in a file, and starts it
// if it is let in.
func (e *evidence) join(n *node, token string, in bool) {
	e.t.Helper()
	word := "-"
	if strings.HasPrefix(token, "@") {
		word = token
	}
	cmd := command(n.netns, binary(e.t), "join", word, "--name", n.name, "--data", filepath.Join(n.dir, "data"), "--config", n.config, "--socket", n.socket)
	cmd.Stdin = strings.NewReader(token + "\n")
	r := output(e.t, cmd)
	e.ran("hb join on "+n.name, r, false)
	if (r.code == 0) != in {
		e.t.Fatalf("hb join on %s: exit %d, %s", n.name, r.code, r.err)
	}
	if in {
		n.patient(e.t)
		e.c.start(n)
	}
}

// patient has a node run a task that lasts until a file is there.
func (n *node) patient(t *testing.T) {
	t.Helper()
	n.allow(t)
	f, err := os.OpenFile(n.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "\n[tasks.patient]\ncommand = [\"/bin/sh\", \"-c\", \"until [ -e %s ]; do sleep 0.1; done\"]\nuser = \"root\"\n", n.patience())
}

func (n *node) patience() string { return filepath.Join(n.dir, "enough") }

// report keeps what a node would give to somebody who helps.
func (e *evidence) report(n *node) {
	e.t.Helper()
	r := e.c.hb(n, "report", "-", "--config", n.config)
	e.keep("standard error of hb report", []byte(r.err))
	unzip, err := gzip.NewReader(strings.NewReader(r.out))
	if err != nil {
		e.t.Fatalf("hb report: exit %d, %v, %s", r.code, err, r.err)
	}
	files, err := io.ReadAll(unzip)
	if err != nil || !bytes.Contains(files, []byte(n.name)) {
		e.t.Errorf("hb report: %d bytes, %v", len(files), err)
	}
	e.keep("hb report", files)
}

// crash ends a node so that it says what all its goroutines do, as it does when it
// panics, and starts it again.
func (e *evidence) crash(n *node) {
	e.t.Helper()
	n.cmd.Process.Signal(syscall.SIGQUIT)
	n.cmd.Wait()
	if !strings.Contains(n.log.String(), "goroutine 1 ") {
		e.t.Errorf("%s said nothing of its goroutines: %.2000s", n.name, n.log)
	}
	e.keep("what "+n.name+" said when it crashed", []byte(n.log.String()))
	e.c.start(n)
}

// A cluster lives through all that there is; then whatever somebody could have seen
// of it is searched for whatever nobody may know.
func TestSecretsAppearNowhere(t *testing.T) {
	l := newLAN(t, 3)
	c := &cluster{t: t}
	e := &evidence{t: t, c: c, seen: map[string][]byte{}}
	packets := overhear(t, l.name)
	first, second, third := c.set(l, 0, "n1"), c.set(l, 1, "n2"), c.set(l, 2, "n3")
	r := first.run(t, "init", "--name", first.name, "--data", filepath.Join(first.dir, "data"))
	e.ran("hb init", r, true)
	tokens := map[string]string{"the first token": strings.TrimSpace(r.out)}
	first.patient(t)
	c.start(first)
	c.must(first, "wait", "ready", "leader", "--timeout", "60s")
	for _, name := range []string{"a token in a file", "a revoked token"} {
		r := c.hb(first, "token", "create")
		e.ran("hb token create", r, true)
		tokens[name] = strings.TrimSpace(r.out)
	}
	revoked, err := pki.ParseToken(tokens["a revoked token"])
	if err != nil {
		t.Fatal(err)
	}
	c.must(first, "token", "revoke", revoked.ID())
	file := filepath.Join(third.dir, "token")
	if err := os.WriteFile(file, []byte(tokens["a token in a file"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.join(second, tokens["the first token"], true)
	e.join(third, "@"+file, true)
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
	}
	e.join(c.set(l, 2, "late"), tokens["a revoked token"], false)
	e.join(c.set(l, 2, "clumsy"), tokens["the first token"][:60], false)
	c.nodes = c.nodes[:3]
	e.live(third)

	var s search
	for name, text := range tokens {
		s.token(t, name, text)
	}
	generations := 0
	for _, n := range c.nodes {
		c.kill(n)
		e.keep("what "+n.name+" said", []byte(n.log.String()))
		generations = max(generations, s.sealed(t, n, s.privateKeys(t, n)))
		e.disk(n.dir, "node.key", "token")
	}
	if !slices.Contains(s.names, "the authority's key") || generations < 6 {
		t.Errorf("learned only of %q", s.names)
	}
	b, err := os.ReadFile(packets)
	if err != nil || !bytes.Contains(b, []byte("a line in the clear")) {
		t.Errorf("what was said in the clear is not among %d bytes of packets: %v", len(b), err)
	}
	e.keep("the packets", b)
	e.judge(&s)
}

// live has the cluster do all that it does, and crash, and lose a member.
func (e *evidence) live(gone *node) {
	t, c := e.t, e.c
	t.Helper()
	first, second := c.nodes[0], c.nodes[1]
	id := ""
	untilTrue(t, "the task is known", func() bool {
		r := c.hb(second, "submit", "patient")
		e.ran("hb submit", r, false)
		id = strings.TrimSpace(r.out)
		return r.code == 0
	})
	e.hb(second, "keys", "rotate")
	e.keep("hb log append", []byte(c.must(second, "log", "append", "a note")))
	saved := filepath.Join(t.TempDir(), "saved")
	c.must(first, "snapshot", "save", saved)
	e.disk(saved)
	e.processes("HB_TASK_ID="+id, "hb\x00node\x00", "hb\x00runner\x00")
	for _, args := range [][]string{
		{"status"}, {"members"}, {"members", "--agreed"}, {"leader"}, {"voters", "list"}, {"keys"}, {"token", "list"}, {"tasks"}, {"tasks", "show", id},
		{"tasks", "defined"}, {"log"}, {"log", "status"}, {"events", "--for", "100ms", "--since", "0"}, {"config", "show", "--config", first.config},
		{"snapshot", "inspect", saved},
	} {
		e.hb(first, args...)
		e.ran("hb "+args[0]+" --json on "+gone.name, c.hb(gone, append(args, "--json")...), false)
	}
	for _, word := range []string{"check", "doctor"} {
		e.ran("hb "+word, c.hb(first, word), false)
	}
	e.report(first)
	e.crash(second)
	c.must(second, "wait", "ready", "members=3", "leader", "--timeout", "60s")
	for _, n := range c.nodes {
		if err := os.WriteFile(n.patience(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e.keep("hb tasks wait", []byte(c.must(second, "tasks", "wait", id, "--timeout", "60s")))
	c.kill(first)
	e.keep("what "+first.name+" said before it was killed", []byte(first.log.String()))
	c.start(first)
	c.must(first, "wait", "ready", "members=3", "leader", "--timeout", "60s")
	talk := command(first.netns, "bash", "-c", "echo 'a line in the clear' >/dev/udp/10.77.0.2/9")
	if out, err := talk.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	e.keep("hb forget", []byte(c.must(second, "forget", "--yes", "--force", gone.name)))
	gone.cmd.Wait()
	c.must(second, "wait", "gone="+gone.name, "--timeout", "60s")
	untilTrue(t, "the key is changed", func() bool { return strings.Contains(c.must(second, "keys", "-o", "plain"), "6\t") })
}
