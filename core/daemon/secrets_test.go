package daemon

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/control"
	"hb/core/store"
	"hb/core/wire"
)

// finder looks for bytes in all that can be reached from a value through fields,
// elements and pointers: what some %+v, %#v or encoder could show one day.
type finder struct {
	secrets map[string][]byte
	seen    map[place]bool
	work    []reached
	found   []string
	looked  int
}

type place struct {
	at  uintptr
	len int
	t   reflect.Type
}

type reached struct {
	v    reflect.Value
	path string
}

// from begins at a value.
func (f *finder) from(name string, x any) {
	f.seen = map[place]bool{}
	f.work = []reached{{reflect.ValueOf(x), name}}
	for len(f.work) > 0 {
		last := f.work[len(f.work)-1]
		f.work = f.work[:len(f.work)-1]
		f.look(last.v, last.path)
	}
}

func (f *finder) look(v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		f.judge([]byte(v.String()), path)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			f.judge(v.Bytes(), path)
		} else if f.first(v.Pointer(), v.Len(), v.Type()) {
			f.elements(v, path)
		}
	case reflect.Array:
		f.array(v, path)
	case reflect.Map:
		if f.first(v.Pointer(), 0, v.Type()) {
			for i := v.MapRange(); i.Next(); {
				f.add(i.Key(), path+"[key]")
				f.add(i.Value(), path+"[]")
			}
		}
	case reflect.Pointer:
		if !v.IsNil() && f.first(v.Pointer(), 0, v.Type()) {
			f.add(v.Elem(), path)
		}
	case reflect.Interface:
		if v.Type() != reflect.TypeFor[context.Context]() && !v.IsNil() { // which others still use
			f.add(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.add(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	}
}

func (f *finder) add(v reflect.Value, path string) { f.work = append(f.work, reached{v, path}) }

func (f *finder) elements(v reflect.Value, path string) {
	for i := range v.Len() {
		f.add(v.Index(i), path+"[]")
	}
}

func (f *finder) array(v reflect.Value, path string) {
	if v.Type().Elem().Kind() != reflect.Uint8 {
		f.elements(v, path)
		return
	}
	b := make([]byte, v.Len())
	for i := range b {
		b[i] = byte(v.Index(i).Uint())
	}
	f.judge(b, path)
}

func (f *finder) first(at uintptr, n int, t reflect.Type) bool {
	p := place{at, n, t}
	was := f.seen[p]
	f.seen[p] = true
	return !was
}

func (f *finder) judge(b []byte, path string) {
	f.looked++
	for name, secret := range f.secrets {
		if bytes.Contains(b, secret) {
			f.found = append(f.found, name+" at "+path)
		}
	}
}

// secretsOf are what a node that does not run any more knew.
func secretsOf(t *testing.T, d *daemon) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	data := d.options.DataDir
	text, err := os.ReadFile(filepath.Join(data, "pki", "node.key"))
	if err != nil {
		t.Fatal(err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, _ := x509.ParsePKCS8PrivateKey(block.Bytes)
		switch key := key.(type) {
		case ed25519.PrivateKey:
			all["the signing key"] = key.Seed()
		case *ecdh.PrivateKey:
			all["the wrapping key"] = key.Bytes()
		}
	}
	st, found, err := store.Open(d.files)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	body := &wire.Ledger{}
	if err := wire.Unmarshal(found.Snapshot.Data, body); err != nil {
		t.Fatal(err)
	}
	own := d.credentials.vault()
	for _, c := range body.Credentials {
		shared, err := own.Shared(c.WrapKey)
		if err != nil {
			t.Fatal(err)
		}
		all["the secret in common with "+c.Name] = shared
	}
	for _, e := range found.Entries {
		batch := &wire.Entry{}
		if wire.Unmarshal(e.Data, batch) != nil {
			continue
		}
		for _, c := range batch.Commands {
			for _, w := range c.GetRotateKey().GetWraps() {
				g := c.GetRotateKey().Generation
				if key, err := own.Open(fmt.Sprintf("datagrams of %s, generation %d", core.ClusterID(found.Identity.Cluster), g), w.Sealed); err == nil {
					all[fmt.Sprintf("generation %d of the datagrams' key", g)] = key
				}
			}
		}
	}
	return all
}

// Whatever part of a node somebody prints, encodes or panics with one day: secrets
// are not among what can be reached, for functions alone give them.
func TestNoFieldOfANodeHoldsASecret(t *testing.T) {
	list := credentialed(t, "one", "two", "three")
	d, fault := open(list[0])
	if fault != nil {
		t.Fatal(fault)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan *core.Fault, 1)
	go func() { ended <- d.run(ctx) }()
	one := &running{t: t, o: list[0], client: control.NewClient(list[0].Socket)}
	for _, o := range list[1:] {
		o.Seeds = []string{d.options.Advertise.String()}
		n := launch(t, o)
		defer n.end()
	}
	one.wait("members=3", "voters=3")
	rotated := rotateKeys(t, one)
	one.wait("applied=" + rotated.Keys[0].Index)
	stop()
	if fault := await(t, ended, "the end of the node"); fault != nil {
		t.Fatal(fault)
	}
	f := &finder{secrets: secretsOf(t, d)}
	if len(f.secrets) < 2+3+2 { // two of its own, with each member, two generations
		t.Fatalf("there are only %d secrets", len(f.secrets))
	}
	for name, part := range map[string]any{"machine": d.machine, "credentials": d.credentials.now.Load(), "vault": d.credentials.vault(), "notary": d.credentials.notary(), "options": &d.options, "network": d.network} {
		f.from(name, part)
	}
	for _, where := range f.found {
		t.Errorf("%s", where)
	}
	if f.looked < 1000 {
		t.Errorf("looked only at %d values", f.looked)
	}
	t.Logf("%d secrets are in none of %d values", len(f.secrets), f.looked)
}

func TestTheFinderFindsWhatIsHidden(t *testing.T) {
	type inner struct {
		hidden map[string][]any
		array  [40]byte
	}
	secret := []byte("a secret of some length, as keys are")
	x := &struct {
		at   time.Time
		next any
		deep *inner
	}{deep: &inner{hidden: map[string][]any{"a": {1, &[]string{"so " + string(secret)}}}}}
	x.next = x // and it ends
	copy(x.deep.array[:], secret)
	f := &finder{secrets: map[string][]byte{"it": secret}}
	f.from("x", x)
	if said := strings.Join(f.found, "\n"); len(f.found) != 2 || !strings.Contains(said, "x.deep.hidden[][][]") || !strings.Contains(said, "x.deep.array") {
		t.Errorf("found %q", f.found)
	}
}
