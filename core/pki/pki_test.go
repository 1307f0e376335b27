package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"hb/core"
)

// chance gives the same random bytes for the same seed.
func chance(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

var (
	cluster = core.ClusterID{1, 2, 3}
	today   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func founded(t *testing.T) *Authority {
	t.Helper()
	a, err := Found(chance(1), cluster, "lab", today)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func keysFrom(t *testing.T, seed byte) *Keys {
	t.Helper()
	k, err := NewKeys(chance(seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func member(node core.NodeID) Identity {
	return Identity{Cluster: cluster, Node: node, Role: RoleMember, Name: "web1"}
}

func credentialed(t *testing.T, a *Authority, node core.NodeID) *Credentials {
	t.Helper()
	keys := keysFrom(t, byte(node))
	cert, err := a.Sign(member(node), keys.Public(), today)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCredentials(keys, cert, a.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACertificateSaysWhoItsHolderIs(t *testing.T) {
	c := credentialed(t, founded(t), 7)
	want := member(7)
	want.Expiry = today.Add(Lifetime)
	if c.Identity != want {
		t.Errorf("got %+v, wanted %+v", c.Identity, want)
	}
	for _, name := range []string{ServerName(cluster, 0), ServerName(cluster, 7)} {
		opts := x509.VerifyOptions{Roots: c.Pool(), CurrentTime: today, DNSName: name}
		if _, err := c.leaf.Verify(opts); err != nil {
			t.Errorf("as %s: %v", name, err)
		}
	}
	for _, name := range []string{ServerName(cluster, 8), ServerName(core.ClusterID{9}, 0), ServerName(core.ClusterID{9}, 7)} {
		opts := x509.VerifyOptions{Roots: c.Pool(), CurrentTime: today, DNSName: name}
		if _, err := c.leaf.Verify(opts); err == nil {
			t.Errorf("it passes for %s", name)
		}
	}
}

func TestACertificateIsBackDatedADayAndEnds(t *testing.T) {
	c := credentialed(t, founded(t), 7)
	for _, x := range []struct {
		at   time.Duration
		want string
	}{
		{-BackDate, ""}, {0, ""}, {Lifetime, ""},
		{-BackDate - time.Second, "clock says 2026-11-21T11:59:59Z, but its certificate begins at 2026-11-21T12:00:00Z"},
		{Lifetime + time.Second, "ended at 2027-02-20T12:00:00Z, and this machine's clock says 2027-02-20T12:00:01Z"},
	} {
		fault := c.Valid(today.Add(x.at))
		if (fault == nil) != (x.want == "") || fault != nil && !strings.Contains(fault.Message, x.want) {
			t.Errorf("after %v: %v, wanted %q", x.at, fault, x.want)
		}
	}
}

func TestTheSameArgumentsGiveTheSameCertificateAndLaterOnesAnother(t *testing.T) {
	a, k := founded(t), keysFrom(t, 7).Public()
	one, _ := a.Sign(member(7), k, today)
	two, _ := a.Sign(member(7), k, today)
	later, _ := a.Sign(member(7), k, today.Add(1))
	if !bytes.Equal(one, two) {
		t.Error("two certificates of one request differ")
	}
	c1, _ := x509.ParseCertificate(one)
	c2, _ := x509.ParseCertificate(later)
	if c1.SerialNumber.Cmp(c2.SerialNumber) == 0 {
		t.Error("two certificates have one serial number")
	}
}

func TestPartsThatDoNotBelongTogetherAreNoCredentials(t *testing.T) {
	a := founded(t)
	other, _ := Found(chance(2), cluster, "lab", today)
	c := credentialed(t, a, 7)
	foreign, _ := other.Sign(member(7), c.Keys.Public(), today)
	for name, err := range map[string]error{
		"another node's keys":           errOf(NewCredentials(keysFrom(t, 8), c.Certificate, c.CA)),
		"another authority":             errOf(NewCredentials(c.Keys, c.Certificate, other.Certificate())),
		"a foreign certificate":         errOf(NewCredentials(c.Keys, foreign, c.CA)),
		"a node's certificate as CA":    errOf(NewCredentials(c.Keys, c.Certificate, c.Certificate)),
		"the CA's certificate as own":   errOf(NewCredentials(c.Keys, c.CA, c.CA)),
		"noise in place of the CA":      errOf(NewCredentials(c.Keys, c.Certificate, []byte("x"))),
		"noise in place of certificate": errOf(NewCredentials(c.Keys, []byte("x"), c.CA)),
	} {
		var fault *core.Fault
		if !errors.As(err, &fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func errOf(_ *Credentials, err error) error { return err }

func TestTheAuthorityReachesAVoterSealedAndNobodyElse(t *testing.T) {
	a, voter := founded(t), keysFrom(t, 3)
	sealed, err := a.SealFor(voter.Public().Wrap)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, a.key().Seed()) {
		t.Fatal("the key is in the clear")
	}
	got, err := OpenAuthority(a.Certificate(), sealed, voter)
	if err != nil {
		t.Fatal(err)
	}
	one, _ := a.Sign(member(9), voter.Public(), today)
	two, _ := got.Sign(member(9), voter.Public(), today)
	if !bytes.Equal(one, two) {
		t.Error("the opened authority signs otherwise")
	}
	other, _ := Found(chance(2), cluster, "lab", today)
	if _, err := OpenAuthority(a.Certificate(), sealed, keysFrom(t, 4)); err == nil {
		t.Error("another key opens it")
	}
	if _, err := OpenAuthority(other.Certificate(), sealed, voter); err == nil {
		t.Error("it passes for another authority's key")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := OpenAuthority(a.Certificate(), sealed, voter); err == nil {
		t.Error("a flipped bit passes")
	}
}

func TestWhatIsSealedForOnePurposeDoesNotOpenForAnother(t *testing.T) {
	k := keysFrom(t, 3)
	sealed, err := Seal(k.Public().Wrap, "a", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Open("a", sealed); err != nil || string(got.Reveal()) != "hello" {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
	if _, err := k.Open("b", sealed); err == nil {
		t.Error("it opens for another purpose")
	}
	if _, err := Seal([]byte("short"), "a", nil); err == nil {
		t.Error("something is sealed to what is no key")
	}
}

func TestAProofIsOfOneKeyOneContextAndOneMessage(t *testing.T) {
	k := keysFrom(t, 3)
	proof := k.Prove("join", []byte("m"))
	if !Proven(k.Public(), "join", []byte("m"), proof) {
		t.Error("the proof does not hold")
	}
	if Proven(k.Public(), "joi", []byte("nm"), proof) || Proven(k.Public(), "join", []byte("n"), proof) ||
		Proven(keysFrom(t, 4).Public(), "join", []byte("m"), proof) || Proven(PublicKeys{}, "join", []byte("m"), proof) {
		t.Error("it proves something else, too")
	}
}

func TestAJoinerTellsItsOwnClusterFromOthers(t *testing.T) {
	a := founded(t)
	other, _ := Found(chance(2), core.ClusterID{4}, "other", today)
	c := credentialed(t, a, 7)
	token, _ := MintToken(chance(5), FingerprintOf(a.Certificate()), today.Add(time.Hour))
	otherCA, _ := x509.ParseCertificate(other.Certificate())
	forged, _ := other.Sign(member(7), c.Keys.Public(), today)
	forgedLeaf, _ := x509.ParseCertificate(forged)

	ca, who, err := VerifyInvitation(token, []*x509.Certificate{c.leaf, c.ca}, today)
	if err != nil || who.Node != 7 || !bytes.Equal(ca, a.Certificate()) {
		t.Errorf("its own: %v, %v", who, err)
	}
	for _, x := range []struct {
		name  string
		shown []*x509.Certificate
		at    time.Time
		code  core.Code
		want  string
	}{
		{"another cluster", []*x509.Certificate{forgedLeaf, otherCA}, today, core.CodeBadInput, "another cluster"},
		{"nothing", nil, today, core.CodeBadInput, "another cluster"},
		{"no CA", []*x509.Certificate{c.leaf}, today, core.CodeBadInput, "another cluster"},
		{"a forged leaf before the true CA", []*x509.Certificate{forgedLeaf, c.ca}, today, core.CodeBadInput, "did not make"},
		{"the CA itself", []*x509.Certificate{c.ca, c.ca}, today, core.CodeBadInput, "names no node"},
		{"a clock in the past", []*x509.Certificate{c.leaf, c.ca}, today.AddDate(-1, 0, 0), core.CodeConfig, "this machine's clock says 2025-11-22T12:00:00Z"},
		{"a clock in the future", []*x509.Certificate{c.leaf, c.ca}, today.AddDate(1, 0, 0), core.CodeConfig, "this machine's clock says 2027"},
	} {
		_, _, err := VerifyInvitation(token, x.shown, x.at)
		var fault *core.Fault
		if !errors.As(err, &fault) || fault.Code != x.code || !strings.Contains(fault.Message, x.want) {
			t.Errorf("%s: %v, wanted %q", x.name, err, x.want)
		}
	}
}

func TestCredentialsOnDiskAreForTheirUserAlone(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if _, err := Load(data); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("of nothing: %v", err)
	}
	c := credentialed(t, founded(t), 7)
	if err := SaveKeys(data, c.Keys); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(data); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("of keys alone: %v", err)
	}
	for range 2 {
		if err := c.Save(data); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(data)
	if err != nil || got.Identity != c.Identity || !bytes.Equal(got.Keys.sign(), c.Keys.sign()) || !got.Keys.wrap().Equal(c.Keys.wrap()) {
		t.Fatalf("got %v, %v", got, err)
	}
	filepath.WalkDir(data, func(path string, d fs.DirEntry, _ error) error {
		info, err := d.Info()
		if err != nil {
			return err
		}
		if path != data && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if strings.HasSuffix(path, ".part") {
			t.Errorf("%s was left", path)
		}
		return nil
	})
	if err := os.WriteFile(filepath.Join(data, dirName, keyName), []byte("noise"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(data); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of noise: %v", err)
	}
	if err := Remove(data); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Remove: %v", err)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	const canary = "canary-canary-16"
	secret := NewSecret([]byte(canary))
	keys := keysFrom(t, 3)
	a := founded(t)
	token := Token{Secret: secret, Expiry: today}
	type holder struct {
		Open   Secret
		hidden Secret
		token  Token
		keys   *Keys
		ca     *Authority
	}
	h := holder{secret, secret, token, keys, a}
	var said strings.Builder
	for _, x := range []any{secret, &secret, h, &h, token, &token, []Secret{secret}, map[string]Token{"a": token}, keys, *keys, a, []any{keys, a}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%b", "%o", "%t", "%10.3v"} {
			fmt.Fprintf(&said, verb+"\n", x)
		}
	}
	if b, err := json.Marshal(map[string]any{"s": secret, "t": token, "h": h, "k": keys}); err != nil {
		t.Error(err)
	} else {
		said.Write(b)
	}
	if err := toml.NewEncoder(&said).Encode(map[string]any{"s": secret, "t": token}); err != nil {
		t.Error(err)
	}
	text := said.String()
	for _, hot := range [][]byte{[]byte(canary), keys.sign().Seed(), keys.wrap().Bytes(), a.key().Seed()} {
		for _, form := range []string{"%s", "%q", "%x", "%X", "%v", "%d", "%#v"} {
			shown := strings.Trim(fmt.Sprintf(form, hot), "[]\"")
			if strings.Contains(text, shown) {
				t.Errorf("%s of a secret is in what was printed", form)
			}
		}
	}
	if !strings.Contains(text, `"s":"***"`) {
		t.Errorf("a secret in JSON is not ***")
	}
}
