package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"hb/core/replog"
)

// ownNetwork says that nothing else is in this network namespace: scripts/predict
// made it, so that what passes here can be counted.
const ownNetwork = "HB_OWN_NETWORK"

// kindOffset is where a datagram names its kind, in bits from its UDP header.
const kindOffset = (8 + 3) * 8

// headers is what IPv4 and UDP add to a datagram.
const headers = 20 + 8

// What an idle cluster sends beside the weak view, which is all that the
// simulator has: the leader's heartbeat to each other voter, with its answer, and
// every other member's report of its load.
const (
	voters     = 3
	loadReport = 10 * time.Second
)

func besideWeakView(size int) float64 {
	others := 2*float64(voters-1)/replog.DefaultTick.Seconds() + float64(size-1)/loadReport.Seconds()
	return others / float64(size)
}

// traffic compares what idle nodes, of clusters of a size, send with what the
// simulator's members do, and the rest with what should be sent beside. It also
// gives the time that a processor spends on each datagram, whatever else nodes do
// included.
func (b *bench) traffic(ctx context.Context, config string, size int, watches []*watch) ([]row, time.Duration, error) {
	if os.Getenv(ownNetwork) == "" {
		return nil, 0, nil
	}
	for _, w := range watches {
		if err := settled(ctx, w.nodes); err != nil {
			return nil, 0, err
		}
	}
	if err := sleep(ctx, restful); err != nil {
		return nil, 0, err
	}
	p, err := b.predict(ctx, config, size, watches[0].oneWay(), "--kills", "0", "--time", "5m")
	if err != nil {
		return nil, 0, err
	}
	const lasting = 30 * time.Second
	worked := -busyTime(watches)
	count, err := counted(ctx, lasting)
	if err != nil {
		return nil, 0, err
	}
	worked += busyTime(watches)
	per := lasting.Seconds() * float64(len(watches)*size)
	name := fmt.Sprintf("%d idle nodes, each sends: ", size)
	weak, rest := count["weak"], count["every"]
	rest.packets, rest.bytes = rest.packets-weak.packets, rest.bytes-weak.bytes
	handling := time.Duration(float64(worked) / count["every"].packets)
	return []row{
		{name + "processor time to each datagram", short(handling), "", true},
		compare(name+"datagrams of the weak view", "/s", []float64{weak.packets / per}, p.Load.Messages),
		compare(name+"their bytes, without headers", "B/s", []float64{(weak.bytes - headers*weak.packets) / per}, p.Load.Bytes),
		compare(name+"other datagrams (the engine's heartbeats, load)", "/s", []float64{rest.packets / per}, besideWeakView(size)),
	}, handling, nil
}

// busyTime is what all nodes have had of the processors so far.
func busyTime(watches []*watch) (all time.Duration) {
	for _, w := range watches {
		for _, i := range w.nodes {
			cpu, _ := usage(i.process.Process.Pid)
			all += cpu
		}
	}
	return all
}

type counter struct{ packets, bytes float64 }

// counted lets nft count datagrams for a while: all, and those of the weak view,
// which are the kinds up to bulletins.
func counted(ctx context.Context, lasting time.Duration) (map[string]counter, error) {
	const table = "inet hbbench"
	nft := func(words ...string) ([]byte, error) {
		out, err := exec.CommandContext(ctx, "nft", words...).Output()
		if err != nil {
			return nil, fmt.Errorf("nft %s: %w", strings.Join(words, " "), err)
		}
		return out, nil
	}
	script := "add table " + table + "; add counter " + table + " every; add counter " + table + " weak; " +
		"add chain " + table + " out { type filter hook output priority 0 ; }; " +
		"add rule " + table + " out meta l4proto udp counter name every; " +
		fmt.Sprintf("add rule %s out meta l4proto udp @th,%d,8 <= 5 counter name weak", table, kindOffset)
	if _, err := nft(script); err != nil {
		return nil, err
	}
	defer nft("delete table " + table)
	select {
	case <-time.After(lasting):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out, err := nft("-j", "list", "counters")
	if err != nil {
		return nil, err
	}
	var doc struct {
		NFTables []struct {
			Counter *struct {
				Name           string
				Packets, Bytes float64
			}
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, fmt.Errorf("nft printed %q: %w", out, err)
	}
	found := map[string]counter{}
	for _, n := range doc.NFTables {
		if n.Counter != nil {
			found[n.Counter.Name] = counter{n.Counter.Packets, n.Counter.Bytes}
		}
	}
	return found, nil
}
