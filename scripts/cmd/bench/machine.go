package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// machine is what the machine does by itself; hb can hardly be faster.
type machine struct {
	fsync     time.Duration // median of one 4 KiB write and fdatasync
	roundTrip time.Duration // median of 256 bytes there and back over TCP on loopback
}

// String is the line above the figures.
func (m machine) String() string {
	return fmt.Sprintf("machine: %d processors, write+fdatasync %s, round trip on loopback %s (medians)\n",
		runtime.NumCPU(), short(m.fsync), short(m.roundTrip))
}

func measureMachine(dir string) (m machine, err error) {
	if m.fsync, err = measureSync(dir); err != nil {
		return m, fmt.Errorf("fdatasync: %w", err)
	}
	if m.roundTrip, err = measureRoundTrip(); err != nil {
		return m, fmt.Errorf("round trip: %w", err)
	}
	return m, nil
}

// measureSync overwrites a file that is already laid out, as a log does.
func measureSync(dir string) (time.Duration, error) {
	const blocks, size = 200, 4096
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, blocks*size)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	block := make([]byte, size)
	return medianOf(blocks, func(i int) error {
		block[0] = byte(i) + 1
		if _, err := f.WriteAt(block, int64(i)*size); err != nil {
			return err
		}
		return syscall.Fdatasync(int(f.Fd()))
	})
}

func measureRoundTrip() (time.Duration, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	go func() {
		if peer, err := listener.Accept(); err == nil {
			io.Copy(peer, peer)
			peer.Close()
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	message := make([]byte, 256)
	return medianOf(500, func(int) error {
		if _, err := conn.Write(message); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, message)
		return err
	})
}

// medianOf times n calls.
func medianOf(n int, f func(i int) error) (time.Duration, error) {
	var took []time.Duration
	for i := range n {
		from := time.Now()
		if err := f(i); err != nil {
			return 0, err
		}
		took = append(took, time.Since(from))
	}
	return quantile(took, 0.5), nil
}

// quantile is the value below which a share q of the values lie (the nearest
// rank); 0 of none.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// short writes a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.0f µs", d.Seconds()*1e6)
}
