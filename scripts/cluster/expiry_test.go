package cluster

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hb/core/ledger"
	"hb/core/pki"
	"hb/core/store"
)

// authority takes the cluster's authority up, as its founder holds it on disk. The
// founder must not run.
func (n *node) authority(t *testing.T) *pki.Authority {
	t.Helper()
	data := filepath.Join(n.dir, "data")
	own, err := pki.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	st, found, err := store.OpenDir(data)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	state, err := ledger.Decode(found.Snapshot.Data)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := state.Credential(own.Identity.Node)
	a, err := pki.OpenAuthority(state.Authority(), c.GetAuthority(), own.Keys)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// until has a machine's certificate end at another time.
func (n *node) until(t *testing.T, a *pki.Authority, end time.Time) {
	t.Helper()
	data := filepath.Join(n.dir, "data")
	own, err := pki.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	id := own.Identity
	id.Expiry = end
	der, err := a.Sign(id, own.Keys.Public(), end.Add(-pki.Lifetime))
	if err != nil {
		t.Fatal(err)
	}
	if own, err = pki.NewCredentials(own.Keys, der, a.Certificate()); err != nil {
		t.Fatal(err)
	}
	if err := own.Save(data); err != nil {
		t.Fatal(err)
	}
}

// id is who a node says that it is.
func (c *cluster) id(n *node) string {
	c.t.Helper()
	var doc struct{ ID string }
	c.json(n, &doc, "status")
	return doc.ID
}

// A member that was off past the end of its certificate says what to do; with a new
// token it is itself again, and a voter.
func TestAMemberThatSleptPastItsCertificateSaysWhatToDoAndJoinsAsItself(t *testing.T) {
	_, c := lanCluster(t, 3)
	first, sleeper := c.nodes[0], c.nodes[1]
	authority := first.authority(t)
	c.startAll()
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
	}
	was := c.id(sleeper)
	c.kill(sleeper)
	sleeper.until(t, authority, time.Now().Add(-time.Hour))
	c.start(sleeper)
	if err := sleeper.cmd.Wait(); err == nil || sleeper.cmd.ProcessState.ExitCode() != 78 {
		t.Errorf("with a certificate that has ended: %v", err)
	}
	if said := sleeper.log.String(); !strings.Contains(said, "hb: this node's certificate ended at") || !strings.Contains(said, "\nhint: hb join TOKEN") {
		t.Errorf("it said %s", said)
	}
	spent := strings.TrimSpace(c.must(first, "token", "create", "--uses", "1"))
	c.must(first, "token", "revoke", spent)
	if r := sleeper.set(t, "join", spent, first.addr); r.code != 77 || !strings.Contains(r.err, "was revoked") {
		t.Errorf("by a revoked token: exit %d, %s%s", r.code, r.out, r.err)
	}
	token := strings.TrimSpace(c.must(first, "token", "create", "--uses", "1"))
	if r := sleeper.set(t, "join", token, first.addr); r.code != 0 {
		t.Fatalf("by a new token: exit %d, %s%s", r.code, r.out, r.err)
	}
	c.start(sleeper)
	for _, n := range c.nodes {
		c.must(n, "wait", "ready", "members=3", "voters=3", "leader", "--timeout", "60s")
	}
	if is := c.id(sleeper); is != was || was == "" {
		t.Errorf("it was %s, and is %s", was, is)
	}
	index := strings.TrimSpace(c.must(sleeper, "log", "append", "awake"))
	c.must(first, "wait", "applied="+index, "--timeout", "60s")
}
