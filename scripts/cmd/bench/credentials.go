package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// sealedTurns is how often each load is put on either cluster.
	sealedTurns = 5
	// sealedIdle is how long either rests, watched, at the end.
	sealedIdle = 15 * time.Second
)

// credentials puts two clusters of three under the same load by turns, one with
// credentials and one without, so that what TLS and sealed datagrams cost is all
// that differs. Processor time tells it: beside it, the machine's own noise in
// the rate is large.
func (b *bench) credentials(ctx context.Context) ([]row, error) {
	var rivals []*rival
	var pids [][]int
	for _, start := range []func() ([]*instance, func(), error){
		func() ([]*instance, func(), error) { return b.cluster(3) },
		func() ([]*instance, func(), error) { return b.sealed(ctx, 3) },
	} {
		nodes, end, err := start()
		if err != nil {
			return nil, err
		}
		defer end()
		if err := settled(ctx, nodes); err != nil {
			return nil, err
		}
		var own []int
		for _, i := range nodes {
			own = append(own, i.process.Process.Pid)
		}
		rivals = append(rivals, served(nodes[0].name, func(n int) putter { return nodes[n%len(nodes)].put(entryBytes) }, own))
		pids = append(pids, own)
	}
	var rows []row
	for _, clients := range []int{1, 64, 256} {
		var cpu, rate []float64
		for range sealedTurns {
			var each [2]load
			for k, r := range rivals {
				var err error
				if each[k], err = r.drive(ctx, clients, b.length); err != nil {
					return nil, err
				}
			}
			cpu = append(cpu, perCommit(each[1])/perCommit(each[0]))
			rate = append(rate, each[1].rate()/each[0].rate())
		}
		rows = append(rows,
			row{fmt.Sprintf("with credentials, processor time a commit, clients: %d", clients), ratios(cpu), "", true},
			row{fmt.Sprintf("with credentials, commits a second, clients: %d", clients), ratios(rate), "", true})
	}
	idle, err := idleRatio(ctx, pids)
	return append(rows, row{"with credentials, processor time of three idle nodes", idle, "", true}), err
}

func perCommit(l load) float64 { return l.cpu.Seconds() / float64(max(l.done, 1)) }

// ratios prints the median of ratios, and between which they are.
func ratios(all []float64) string {
	slices.Sort(all)
	return fmt.Sprintf("%.2f × (%.2f to %.2f) that without", all[len(all)/2], all[0], all[len(all)-1])
}

// idleRatio watches both clusters at once, which have nothing to do: what they
// cost is their datagrams.
func idleRatio(ctx context.Context, pids [][]int) (string, error) {
	if err := sleep(ctx, restful); err != nil {
		return "", err
	}
	used := func(k int) (sum time.Duration) {
		for _, pid := range pids[k] {
			cpu, _ := usage(pid)
			sum += cpu
		}
		return sum
	}
	before := [2]time.Duration{used(0), used(1)}
	if err := sleep(ctx, sealedIdle); err != nil {
		return "", err
	}
	return fmt.Sprintf("%.2f × that without", float64(used(1)-before[1])/float64(used(0)-before[0])), nil
}

// sealed starts n nodes as people do: the first founds, the others join by its
// token.
func (b *bench) sealed(ctx context.Context, n int) ([]*instance, func(), error) {
	token := ""
	var failed error
	nodes, end, err := b.clusterOf(n, func(i *instance) {
		i.config = filepath.Join(i.dir, "hb.toml")
		words := []string{"init"}
		if i.seed != "" {
			words = []string{"join", token, i.seed}
		}
		words = append(words, "--no-start", "--name", i.name, "--bind", i.addr, "--data", i.data(), "--config", i.config, "--socket", i.socket())
		var out []byte
		var said error
		err := await(ctx, 100*time.Millisecond, i.name+" to be let in", func() bool { // once the first is there
			out, said = exec.CommandContext(ctx, b.hb, words...).Output()
			return said == nil
		})
		if err != nil && failed == nil {
			failed = fmt.Errorf("hb %s of %s: %w: %w", words[0], i.name, err, said)
		}
		if token == "" {
			token = strings.TrimSpace(string(out))
		}
	})
	if err == nil && failed != nil {
		end()
		err = failed
	}
	return nodes, end, err
}
