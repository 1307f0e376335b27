package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	mrand "math/rand/v2"
	"net"
	"sync"
	"time"

	"hb/core"
	"hb/core/pki"
	"hb/core/wire"
	"hb/netutil"
)

// patience is how long one attempt waits for an answer, pause how long it rests
// when it cannot even connect.
const (
	patience = 500 * time.Millisecond
	pause    = 10 * time.Millisecond
)

func dial(ctx context.Context, to string, c *counts) net.Conn {
	d := net.Dialer{Timeout: 2 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		c.refused.Add(1)
		c.why.Store(err.Error())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		return nil
	}
	c.opened.Add(1)
	return conn
}

// say sends, and counts what comes back.
func say(conn net.Conn, b []byte, c *counts, counted bool) {
	conn.SetDeadline(time.Now().Add(patience))
	n, _ := conn.Write(b)
	c.sent.Add(int64(n))
	if got, _ := io.Copy(io.Discard, conn); counted {
		c.heard.Add(got)
	}
}

// frames are one of each kind from a node, and a note and a task for the log.
func frames(from core.NodeID, cluster core.ClusterID) (out []byte) {
	add := func(e *wire.Envelope) {
		e.From, e.Instance, e.Cluster, e.ReplyTo = uint64(from), 1, cluster[:], "127.0.0.1:1"
		out = netutil.AppendFrame(out, wire.EncodeEnvelope(e))
	}
	fields := (&wire.Envelope{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range fields.Len() {
		e := &wire.Envelope{}
		e.ProtoReflect().Set(fields.Get(i), e.ProtoReflect().NewField(fields.Get(i)))
		add(e)
	}
	task := make([]byte, len(core.TaskID{}))
	rand.Read(task)
	for _, c := range []*wire.Command{
		{Body: &wire.Command_Note{Note: &wire.Note{Text: []byte("from the neighbour")}}},
		{Body: &wire.Command_Submit{Submit: &wire.Submit{Task: task, Spec: &wire.Spec{Name: "hello"}}}},
	} {
		c.Proposer, c.Id = uint64(from), mrand.Uint64()
		add(&wire.Envelope{Body: &wire.Envelope_Propose{Propose: &wire.Propose{Id: c.Id, Command: c}}})
	}
	return out
}

// speak does not even know of TLS. A server's alert is seven bytes.
func speak(ctx context.Context, to string, c *counts) {
	conn := dial(ctx, to, c)
	if conn == nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	n, _ := conn.Write(frames(core.NodeID(mrand.Uint64()), core.ClusterID{}))
	c.sent.Add(int64(n))
	const alert = 7
	if got, _ := io.ReadAll(conn); len(got) > alert {
		c.heard.Add(int64(len(got)))
	}
}

// impersonate has a certificate that says the right things, of the wrong
// authority.
func impersonate(ctx context.Context, to string, c *counts) {
	own, err := forged(core.ClusterID{})
	if err != nil {
		panic(err)
	}
	talk(ctx, to, own, c)
}

// haunt has one of the right authority.
func haunt(ctx context.Context, to string, c *counts) {
	own, err := pki.Load(c.as)
	if err != nil {
		panic(err)
	}
	talk(ctx, to, own, c)
}

// talk says frames with a certificate. The client's side of TLS 1.3 ends before
// the server has judged it.
func talk(ctx context.Context, to string, own *pki.Credentials, c *counts) {
	conn := dial(ctx, to, c)
	if conn == nil {
		return
	}
	defer conn.Close()
	certificate := own.TLS()
	t := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, // it does not mind whom it deceives
		MinVersion:         tls.VersionTLS13, NextProtos: []string{pki.ProtoStream},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil },
	})
	conn.SetDeadline(time.Now().Add(patience))
	if t.HandshakeContext(ctx) != nil {
		return
	}
	c.handshakes.Add(1)
	say(t, frames(own.Identity.Node, own.Identity.Cluster), c, true)
}

func forged(cluster core.ClusterID) (*pki.Credentials, error) {
	authority, err := pki.Found(rand.Reader, cluster, "forged", time.Now())
	if err != nil {
		return nil, err
	}
	keys, err := pki.NewKeys(rand.Reader)
	if err != nil {
		return nil, err
	}
	id := pki.Identity{Cluster: cluster, Node: core.NodeID(mrand.Uint64()), Role: pki.RoleMember, Name: "n1"}
	der, err := authority.Sign(id, keys.Public(), time.Now())
	if err != nil {
		return nil, err
	}
	return pki.NewCredentials(keys, der, authority.Certificate())
}

// strangle comes in by the door for joiners, and says rubbish there. What it is
// answered is that this is no question, at most.
func strangle(ctx context.Context, to string, c *counts) {
	conn := dial(ctx, to, c)
	if conn == nil {
		return
	}
	defer conn.Close()
	t := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{pki.ProtoJoin}})
	conn.SetDeadline(time.Now().Add(patience))
	if t.HandshakeContext(ctx) != nil {
		return
	}
	c.handshakes.Add(1)
	rubbish := make([]byte, mrand.IntN(4<<10))
	for i := range rubbish {
		rubbish[i] = byte(mrand.Uint32())
	}
	say(t, netutil.AppendFrame(nil, rubbish), c, false)
}

// cut is a connection that ends after so many bytes were written.
type cut struct {
	net.Conn
	left int
}

func (c *cut) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b[:min(len(b), c.left)])
	if c.left -= n; err == nil && c.left == 0 {
		c.Conn.Close()
		err = io.ErrClosedPipe
	}
	return n, err
}

// truncate breaks off somewhere.
func truncate(ctx context.Context, to string, c *counts) {
	conn := dial(ctx, to, c)
	if conn == nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	t := tls.Client(&cut{conn, 1 + mrand.IntN(1600)}, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{pki.ProtoStream}})
	t.HandshakeContext(ctx)
}

// flood does not wait for anything.
func flood(ctx context.Context, to string, c *counts) {
	conn := dial(ctx, to, c)
	if conn == nil {
		return
	}
	n, _ := conn.Write(bytes.Repeat([]byte{22, 3, 1, 0xff, 0xff}, 200))
	c.sent.Add(int64(n))
	conn.Close()
}

// hold keeps as many connections open as it can, and opens another for each that
// was ended.
func hold(ctx context.Context, all *sync.WaitGroup, to string, most int, c *counts) {
	for range most {
		all.Go(func() {
			for ctx.Err() == nil {
				conn := dial(ctx, to, c)
				if conn == nil {
					continue
				}
				n, _ := conn.Write([]byte{22, 3, 1}) // the beginning of a greeting
				c.sent.Add(int64(n))
				end := context.AfterFunc(ctx, func() { conn.Close() })
				io.Copy(io.Discard, conn)
				end()
				conn.Close()
			}
		})
	}
}
