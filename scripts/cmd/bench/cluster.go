package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"hb/core/control"
)

// patience bounds every wait for a cluster to come to something.
const patience = time.Minute

// instance is one node of a cluster, running or killed.
type instance struct {
	name, dir, addr, seed string
	hb                    string
	idle                  bool // its tasks are nothing
	process               *exec.Cmd
	flags                 []string
	config                string        // hb.toml of a node with credentials; empty: it has none
	ended                 chan struct{} // closed when the process is no more
	client                *http.Client
}

// cluster starts n nodes at once; the first founds, the others have it as seed.
// The function it gives ends them all and waits.
func (b *bench) cluster(n int) ([]*instance, func(), error) {
	return b.clusterOf(n, func(*instance) {})
}

// clusterOf is cluster with a last word on each node before it starts.
func (b *bench) clusterOf(n int, before func(*instance)) ([]*instance, func(), error) {
	dir, err := os.MkdirTemp(b.dir, "c")
	if err != nil {
		return nil, nil, err
	}
	addrs, err := freePorts(n)
	if err != nil {
		return nil, nil, err
	}
	var nodes []*instance
	end := func() {
		for _, i := range nodes {
			i.kill()
		}
		os.RemoveAll(dir)
	}
	for k := range n {
		name := fmt.Sprintf("n%d", k+1)
		i := &instance{name: name, dir: filepath.Join(dir, name), addr: addrs[k], hb: b.hb}
		if k > 0 {
			i.seed = addrs[0]
		}
		i.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			MaxIdleConnsPerHost: 512,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", i.socket())
			},
		}}
		if err := os.Mkdir(i.dir, 0o700); err != nil {
			end()
			return nil, nil, err
		}
		nodes = append(nodes, i)
		before(i)
		if err := i.start(); err != nil {
			end()
			return nil, nil, err
		}
	}
	return nodes, end, nil
}

// freePorts finds addresses nobody is bound to; all are held until all are found.
func freePorts(n int) (addrs []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

func (i *instance) data() string   { return filepath.Join(i.dir, "data") }
func (i *instance) socket() string { return filepath.Join(i.dir, "hb.sock") }

// start runs the node, for the first time or again.
func (i *instance) start() error {
	args := []string{"node", "--dev", "--name", i.name, "--bind", i.addr,
		"--data", i.data(), "--socket", i.socket()}
	args = append(args, i.flags...)
	if i.config != "" {
		args = []string{"node", "--config", i.config}
	} else if i.seed != "" {
		args = append(args, "--seed", i.seed)
	}
	log, err := os.OpenFile(filepath.Join(i.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	program := i.hb
	if i.idle {
		program, args = i.idlerCommand()
	}
	i.process = exec.Command(program, args...)
	i.process.Stdout, i.process.Stderr = log, log
	// Should this process be killed, its nodes go with it.
	i.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := i.process.Start(); err != nil {
		return err
	}
	i.ended = make(chan struct{})
	go func(process *exec.Cmd, ended chan struct{}) {
		process.Wait()
		close(ended)
	}(i.process, i.ended)
	return nil
}

// kill ends the node at once (kill -9) and waits for its end.
func (i *instance) kill() error {
	if i.ended == nil {
		return nil
	}
	// That it has ended already is no fault.
	i.process.Process.Kill()
	<-i.ended
	i.client.CloseIdleConnections()
	return nil
}

// freeze stops the node's process as it stands; thaw lets it go on.
func (i *instance) freeze() error { return i.process.Process.Signal(syscall.SIGSTOP) }
func (i *instance) thaw() error   { return i.process.Process.Signal(syscall.SIGCONT) }

// log is the end of what the node said, for errors.
func (i *instance) log() string {
	text, _ := os.ReadFile(filepath.Join(i.dir, "log"))
	return fmt.Sprintf("%s: …%s", i.name, text[max(0, len(text)-2000):])
}

// errAnswer is an answer that is no success.
var errAnswer = errors.New("the node refused")

// ask makes one request and decodes the answer into out.
func (i *instance) ask(ctx context.Context, method, path string, body, out any) error {
	var send []byte
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send = text
	}
	text, err := i.exchange(ctx, method, path, send)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}

// post sends bytes as they are, and is content with any answer that is a success.
func (i *instance) post(ctx context.Context, path string, body []byte) error {
	_, err := i.exchange(ctx, http.MethodPost, path, body)
	return err
}

func (i *instance) exchange(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://hb"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	answer, err := i.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%w: %s %s: %s: %s", errAnswer, method, path, answer.Status, text)
	}
	return text, nil
}

// await asks a node again and again until something holds; when that cannot be,
// the error tells what the node said last.
func (i *instance) await(ctx context.Context, every time.Duration, what string, holds func() bool) error {
	held := false
	err := await(ctx, every, i.name+" to "+what, func() bool {
		select {
		case <-i.ended:
			return true
		default:
			held = holds()
			return held
		}
	})
	if err == nil && !held {
		err = fmt.Errorf("%s has ended", i.name)
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, i.log())
	}
	return err
}

// await asks again and again until something holds.
func await(ctx context.Context, every time.Duration, what string, holds func() bool) error {
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s in vain for %s", patience, what)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		case <-time.After(every):
		}
	}
	return nil
}

// sees says whether a node believes n members alive.
func (i *instance) sees(ctx context.Context, n int) bool {
	var view control.Members
	if i.ask(ctx, "GET", "/v1/members", nil, &view) != nil {
		return false
	}
	alive := 0
	for _, m := range view.Members {
		if m.Status == "alive" {
			alive++
		}
	}
	return alive == n
}

// settled waits until every node sees all alive, with three voters.
func settled(ctx context.Context, nodes []*instance) error {
	for _, i := range nodes {
		err := i.await(ctx, 10*time.Millisecond, "see all members and three voters", func() bool {
			var s control.Status
			return i.sees(ctx, len(nodes)) && i.ask(ctx, "GET", "/v1/status", nil, &s) == nil && len(s.Voters) == 3 && s.Leader.Name != nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leader is the node that leads, confirmed by a quorum.
func leader(ctx context.Context, nodes []*instance) (*instance, error) {
	var l control.Leader
	err := await(ctx, 10*time.Millisecond, "a leader", func() bool {
		return nodes[0].ask(ctx, "GET", "/v1/leader", nil, &l) == nil && l.Confirmed && l.Name != nil
	})
	for _, i := range nodes {
		if err == nil && i.name == *l.Name {
			return i, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("the leader %s is none of the nodes", *l.Name)
	}
	return nil, err
}
