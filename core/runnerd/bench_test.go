package runnerd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hb/core/wire"
)

// BenchmarkTrue runs `true`, eight at a time, by a runner process of its own: what
// that costs beside the time is the processor time of the runner process alone.
func BenchmarkTrue(b *testing.B) {
	const abreast = 8
	dir := b.TempDir()
	if err := Start(Options{DataDir: dir, Build: "test"}); err != nil {
		b.Fatal(err)
	}
	link, hello, err := Dial(dir, "test")
	if err != nil {
		b.Fatal(err)
	}
	link.Send(&wire.ToRunner{Body: &wire.ToRunner_Adopt{Adopt: &wire.RunnerAdopt{Node: uint64(someNode)}}})
	next := uint64(0)
	exec := func() {
		next++
		link.Send(&wire.ToRunner{Body: &wire.ToRunner_Exec{Exec: &wire.RunnerExec{
			Fence: next, Argv: [][]byte{[]byte("true")}, Env: [][]byte{[]byte("PATH=/usr/local/bin:/usr/bin:/bin"), []byte(fmt.Sprintf("HB_FENCE=%d", next))},
		}}})
	}
	before := threadTime(int(hello.Pid))
	b.ResetTimer()
	for range min(abreast, b.N) {
		exec()
	}
	for ended := 0; ended < b.N; {
		m := &wire.FromRunner{}
		if err := link.Receive(m); err != nil {
			b.Fatal(err)
		}
		d := m.GetEnded()
		if d == nil {
			continue
		}
		if d.Result.Exit != 0 || d.Result.Error != "" {
			b.Fatalf("it ends with %v", d.Result)
		}
		link.Send(&wire.ToRunner{Body: &wire.ToRunner_Release{Release: d.Fence}})
		if ended++; next < uint64(b.N) {
			exec()
		}
	}
	b.StopTimer()
	b.ReportMetric(float64((threadTime(int(hello.Pid))-before).Microseconds())/float64(b.N), "own-µs/op")
	link.Send(&wire.ToRunner{Body: &wire.ToRunner_Quit{Quit: true}})
	for link.Receive(&wire.FromRunner{}) == nil {
	}
}

// threadTime is the processor time that the threads of a process have had.
func threadTime(pid int) (sum time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, file := range files {
		var t time.Duration
		text, _ := os.ReadFile(file)
		fmt.Sscan(string(text), &t)
		sum += t
	}
	return sum
}
