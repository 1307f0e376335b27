package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// peer is a process that works when it is told to, one line of JSON for another:
// one of scripts/peers, or of this program.
type peer struct {
	name    string
	dir     string
	process *exec.Cmd
	to      io.WriteCloser
	from    *bufio.Reader
}

// turn is what it is told, and what it answers: see scripts/peers.
type (
	turn struct {
		Clients, Batch, Syncs, Bytes int
		Nanos                        time.Duration
	}
	turned struct {
		Took       []time.Duration
		Nanos, CPU time.Duration
	}
)

// peer starts one of scripts/peers.
func (b *bench) peer(name string) (*peer, error) { return b.worker(name, b.peers, name) }

// worker starts a program that is given a directory of its own, as the last word.
func (b *bench) worker(name, program string, args ...string) (*peer, error) {
	dir, err := os.MkdirTemp(b.dir, "p")
	if err != nil {
		return nil, err
	}
	p := &peer{name: name, dir: dir, process: exec.Command(program, append(args, dir)...)}
	p.process.Stderr = os.Stderr
	p.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.to, err = p.process.StdinPipe(); err != nil {
		return nil, err
	}
	p.from = bufio.NewReader(out)
	return p, p.process.Start()
}

// end kills it and waits.
func (p *peer) end() {
	p.process.Process.Kill()
	p.process.Wait()
	os.RemoveAll(p.dir)
}

func (p *peer) do(t turn) (turned, error) {
	var r turned
	if err := json.NewEncoder(p.to).Encode(t); err != nil {
		return r, fmt.Errorf("%s: %w", p.name, err)
	}
	line, err := p.from.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", p.name, err)
	}
	return r, nil
}

// apply is a load on hashicorp/raft. Its clients are part of its own process.
func (p *peer) apply(_ context.Context, clients int, d time.Duration) (load, error) {
	r, err := p.do(turn{Clients: clients, Nanos: d, Bytes: entryBytes})
	return load{done: len(r.Took), took: r.Took, over: r.Nanos, cpu: r.CPU}, err
}
