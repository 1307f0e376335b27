package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"hb/core/control"
)

const (
	// restful is how long a node takes until it rests (daemon's pace), and a bit.
	restful = 12 * time.Second
	// idleWatch is how long an idle cluster is watched.
	idleWatch = 20 * time.Second
)

// idle watches five nodes that have nothing to do: what each costs, by its role,
// and what passes between them all, where nothing else does.
func (b *bench) idle(ctx context.Context) ([]row, error) {
	const size, voters, goalCPU, goalMiB, heartbeat = 5, 3, 0.2, 17.0, 0.15
	nodes, end, err := b.cluster(size)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := settled(ctx, nodes); err != nil {
		return nil, err
	}
	roles, err := rolesOf(ctx, nodes)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, restful); err != nil {
		return nil, err
	}
	before, sent, from := map[*instance]time.Duration{}, packetsSent(), time.Now()
	for _, i := range nodes {
		before[i], _ = usage(i.process.Process.Pid)
	}
	if err := sleep(ctx, idleWatch); err != nil {
		return nil, err
	}
	seconds := time.Since(from).Seconds()
	perSecond := float64(packetsSent()-sent) / seconds
	cpu, memory := map[string][]float64{}, map[string][]float64{}
	for _, i := range nodes {
		used, rss := usage(i.process.Process.Pid)
		if rss == 0 {
			return nil, fmt.Errorf("cannot read /proc of %s", i.name)
		}
		role := roles[i.name]
		cpu[role] = append(cpu[role], 100*(used-before[i]).Seconds()/seconds)
		memory[role] = append(memory[role], float64(rss)/(1<<20))
	}
	var rows []row
	for _, role := range []string{"leader", "voter", "member"} {
		// The goals are those of a plain member.
		share, size, goals := slices.Max(cpu[role]), slices.Max(memory[role]), [2]string{}
		if role == "member" {
			goals = [2]string{fmt.Sprintf("≤ %.1f %%", goalCPU), fmt.Sprintf("≤ %.0f MiB", goalMiB)}
		}
		rows = append(rows,
			row{"an idle " + role + ", share of a core", fmt.Sprintf("%.2f %%", share), goals[0], role != "member" || share <= goalCPU},
			row{"an idle " + role + ", resident memory", fmt.Sprintf("%.1f MiB", size), goals[1], role != "member" || size <= goalMiB})
	}
	if os.Getenv(ownNetwork) == "" {
		return append(rows, row{"packets of five idle nodes", "not counted: others send here, too", "", true}), nil
	}
	most := 2.2*size + 2*(voters-1)/heartbeat
	return append(rows, row{"packets of five idle nodes, three of them voters", fmt.Sprintf("%.1f/s", perSecond),
		fmt.Sprintf("≤ %.1f/s", most), perSecond <= most}), nil
}

// rolesOf asks who is what.
func rolesOf(ctx context.Context, nodes []*instance) (map[string]string, error) {
	var view control.Members
	roles := map[string]string{}
	err := nodes[0].await(ctx, 10*time.Millisecond, "tell a leader, two voters and two members", func() bool {
		clear(roles)
		count := map[string]int{}
		if nodes[0].ask(ctx, "GET", "/v1/members", nil, &view) == nil {
			for _, m := range view.Members {
				roles[m.Name] = m.Role
				count[m.Role]++
			}
		}
		return count["leader"] == 1 && count["voter"] == 2 && count["member"] == 2
	})
	return roles, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// packetsSent counts what this network namespace has sent so far: datagrams and
// segments of streams, acknowledgements among them.
func packetsSent() int {
	text, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		return 0
	}
	return snmp(string(text), "Udp:", "OutDatagrams") + snmp(string(text), "Tcp:", "OutSegs")
}

// snmp finds a figure in the text of /proc/net/snmp: a line of names, and one of
// figures with the same first word.
func snmp(text, group, name string) int {
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] != group:
		case names == nil:
			names = fields
		default:
			if at := slices.Index(names, name); at > 0 && at < len(fields) {
				n, _ := strconv.Atoi(fields[at])
				return n
			}
		}
	}
	return 0
}

// usage reads a process's processor time, as its threads have had it, and its
// resident bytes; zeros when it is gone.
func usage(pid int) (cpu time.Duration, rss int64) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, file := range threads {
		var nanoseconds time.Duration
		text, _ := os.ReadFile(file)
		if _, err := fmt.Sscan(string(text), &nanoseconds); err == nil {
			cpu += nanoseconds
		}
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, 0
	}
	return cpu, resident * int64(os.Getpagesize())
}
