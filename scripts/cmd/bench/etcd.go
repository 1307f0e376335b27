package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// etcd is one member of an etcd cluster. It is asked in its own protocol, gRPC,
// by the least client that can be: a call is one HTTP/2 request.
type etcd struct {
	url     string
	client  *http.Client
	process *exec.Cmd
}

// etcdCluster starts n members; the function it gives ends them all.
func (b *bench) etcdCluster(ctx context.Context, n int) ([]*etcd, func(), error) {
	dir, err := os.MkdirTemp(b.dir, "e")
	if err != nil {
		return nil, nil, err
	}
	addrs, err := freePorts(2 * n)
	if err != nil {
		return nil, nil, err
	}
	var peers []string
	for k := range n {
		peers = append(peers, fmt.Sprintf("m%d=http://%s", k, addrs[n+k]))
	}
	var members []*etcd
	var processes []*exec.Cmd
	end := func() {
		for _, p := range processes {
			p.Process.Kill()
			p.Wait()
		}
		os.RemoveAll(dir)
	}
	for k := range n {
		at, peer := "http://"+addrs[k], "http://"+addrs[n+k]
		p := exec.Command(b.peers, "etcd", "--name", fmt.Sprintf("m%d", k), "--data-dir", filepath.Join(dir, fmt.Sprint(k)), "--log-level", "error",
			"--listen-client-urls", at, "--advertise-client-urls", at, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(peers, ","), "--initial-cluster-state", "new")
		p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := p.Start(); err != nil {
			end()
			return nil, nil, err
		}
		processes = append(processes, p)
		var h2c http.Protocols
		h2c.SetUnencryptedHTTP2(true)
		members = append(members, &etcd{at, &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Protocols: &h2c}}, p})
	}
	for _, m := range members {
		if err := await(ctx, 50*time.Millisecond, "etcd to take an entry", func() bool { return m.put(1)(ctx) == nil }); err != nil {
			end()
			return nil, nil, err
		}
	}
	return members, end, nil
}

// put writes values of a size through one member, under one of 10,000 keys.
func (m *etcd) put(size int) putter {
	value := make([]byte, size)
	return func(ctx context.Context) error {
		key := fmt.Appendf(nil, "key-%06d", rand.IntN(10_000))
		var put []byte // etcdserverpb.PutRequest
		put = protowire.AppendBytes(protowire.AppendTag(put, 1, protowire.BytesType), key)
		put = protowire.AppendBytes(protowire.AppendTag(put, 2, protowire.BytesType), value)
		return m.call(ctx, "/etcdserverpb.KV/Put", put)
	}
}

// call is one unary call; what it answers is not looked at.
func (m *etcd) call(ctx context.Context, method string, message []byte) error {
	framed := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+method, bytes.NewReader(framed))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	answer, err := m.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	status := answer.Trailer.Get("Grpc-Status")
	if status == "" { // of an answer without a body
		status = answer.Header.Get("Grpc-Status")
	}
	if status != "0" {
		return fmt.Errorf("etcd: %s: status %q %s", method, status, answer.Trailer.Get("Grpc-Message"))
	}
	return nil
}
