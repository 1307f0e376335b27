package pki

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"hb/core"
)

// The files of credentials, in a directory of their own (0700, files 0600) in the
// node's data directory. Both are PEM: openssl reads them.
const (
	dirName  = "pki"
	keyName  = "node.key" // PKCS #8: Ed25519, then X25519; written once
	certName = "node.crt" // the node's certificate, then the CA's
	markName = "founded"  // empty: that the cluster was founded here
	pemKey   = "PRIVATE KEY"
	pemCert  = "CERTIFICATE"
)

// LoadKeys gives the node's keys; an error that is fs.ErrNotExist when it has
// none, else a *core.Fault.
func LoadKeys(data string) (*Keys, error) {
	path := filepath.Join(data, dirName, keyName)
	blocks, err := readPEM(path, pemKey)
	if err != nil {
		return nil, err
	}
	if len(blocks) != 2 {
		return nil, damaged(path)
	}
	var sign ed25519.PrivateKey
	var wrap *ecdh.PrivateKey
	for _, b := range blocks {
		key, err := x509.ParsePKCS8PrivateKey(b)
		if err != nil {
			return nil, damaged(path)
		}
		switch key := key.(type) {
		case ed25519.PrivateKey:
			sign = key
		case *ecdh.PrivateKey:
			wrap = key
		}
	}
	if sign == nil || wrap == nil || wrap.Curve() != ecdh.X25519() {
		return nil, damaged(path)
	}
	return keysOf(sign, wrap), nil
}

// SaveKeys keeps a node's keys, durably.
func SaveKeys(data string, k *Keys) error {
	sign, err := x509.MarshalPKCS8PrivateKey(k.sign())
	if err != nil {
		return err
	}
	wrap, err := x509.MarshalPKCS8PrivateKey(k.wrap())
	if err != nil {
		return err
	}
	return writePEM(data, keyName, pemKey, sign, wrap)
}

// Load gives a node's credentials; an error that is fs.ErrNotExist when it has
// none (or only keys), else a *core.Fault.
func Load(data string) (*Credentials, error) {
	keys, err := LoadKeys(data)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(data, dirName, certName)
	blocks, err := readPEM(path, pemCert)
	if err != nil {
		return nil, err
	}
	if len(blocks) != 2 {
		return nil, damaged(path)
	}
	c, err := NewCredentials(keys, blocks[0], blocks[1])
	if err != nil {
		return nil, core.Faultf(core.CodeConfig, "%s: %v", path, err)
	}
	return c, nil
}

// Save keeps a node's certificate, durably: the old one or the new one is there
// at any time. The keys must be saved already.
func (c *Credentials) Save(data string) error {
	return writePEM(data, certName, pemCert, c.Certificate, c.CA)
}

// MarkFounded notes, durably, that the cluster was founded by this node.
func MarkFounded(data string) error { return writePEM(data, markName, "") }

// FoundedHere says whether it was.
func FoundedHere(data string) bool {
	_, err := os.Stat(filepath.Join(data, dirName, markName))
	return err == nil
}

// Remove deletes a node's credentials: they are void.
func Remove(data string) error {
	return os.RemoveAll(filepath.Join(data, dirName))
}

func damaged(path string) *core.Fault {
	return core.Faultf(core.CodeConfig, "%s is damaged", path).
		WithHint("bring it back from a backup; or move %s away, and hb join as a new node", filepath.Dir(filepath.Dir(path)))
}

func readPEM(path, kind string) (blocks [][]byte, err error) {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case errors.Is(err, fs.ErrPermission):
		return nil, core.Faultf(core.CodeDenied, "%v", err).WithHint("the node's user alone may read it")
	case errors.Is(err, syscall.ENOTDIR):
		dir := filepath.Dir(path)
		for _, err := os.Stat(dir); err != nil && len(dir) > 1; _, err = os.Stat(dir) {
			dir = filepath.Dir(dir)
		}
		return nil, core.Faultf(core.CodeConfig, "%s: a file is in the way: a directory must be there", dir).
			WithHint("if it is none of hb's, move it away; or name another data directory with --data")
	case err != nil:
		return nil, core.Faultf(core.CodeIO, "%v", err)
	}
	for len(bytes.TrimSpace(b)) > 0 {
		block, rest := pem.Decode(b)
		if block == nil || block.Type != kind {
			return nil, damaged(path)
		}
		blocks, b = append(blocks, block.Bytes), rest
	}
	return blocks, nil
}

// writePEM replaces a file as a whole, durably.
func writePEM(data, name, kind string, blocks ...[]byte) error {
	dir := filepath.Join(data, dirName)
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})...)
	}
	if err := replace(dir, name, text); err != nil {
		return core.Faultf(core.CodeIO, "cannot keep credentials in %s: %v", dir, err)
	}
	return nil
}

func replace(dir, name string, text []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, name+".*.part") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	for _, made := range []string{dir, filepath.Dir(dir)} {
		if err == nil {
			err = syncDir(made)
		}
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
