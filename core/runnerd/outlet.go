package runnerd

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tailLength is how much of the end of each stream goes into the result.
	tailLength = 4 << 10
	// watchAfter is when an attempt's pipes begin to be watched, which takes two
	// goroutines and wakes them. Most short ones have ended by then.
	watchAfter = 5 * time.Millisecond
	// drainTime is how long pipes are still read after their process has ended:
	// for what its children write on the way out.
	drainTime = 200 * time.Millisecond
)

// outlet is the reading end of one of the two pipes of an attempt.
type outlet struct {
	a      *attempt
	stream byte
	fd     int
	file   *os.File // which has the fd, once it is watched; nil: it is not
	tail   []byte   // the last bytes that came
}

// newOutlet makes a pipe, and gives the end for the child, too.
func newOutlet(a *attempt, stream byte) (o *outlet, child int, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, -1, err
	}
	if _, err := unix.FcntlInt(uintptr(ends[0]), unix.F_SETFL, unix.O_NONBLOCK); err != nil {
		unix.Close(ends[0])
		unix.Close(ends[1])
		return nil, -1, err
	}
	return &outlet{a: a, stream: stream, fd: ends[0]}, ends[1], nil
}

func (o *outlet) close() {
	if o.file != nil {
		o.file.Close()
		return
	}
	unix.Close(o.fd)
}

// keep puts output into the spool.
func (o *outlet) keep(b []byte) {
	o.a.spool.write(o.stream, b)
	o.tail = append(o.tail, b...)
	if over := len(o.tail) - tailLength; over > 0 {
		o.tail = append(o.tail[:0], o.tail[over:]...)
	}
}

// buffers are for reading: most tasks print little, and end soon.
var buffers = sync.Pool{New: func() any { return new([maxRecord]byte) }}

// most is the largest pipe; who finds more in one at a time reads what somebody is
// still writing.
const most = 1 << 20

// empty moves what is in a pipe that is not watched into the spool; true: nobody can
// write into it any more.
func (o *outlet) empty() bool {
	buf := buffers.Get().(*[maxRecord]byte)
	defer buffers.Put(buf)
	for total := 0; total < most; {
		n, err := unix.Read(o.fd, buf[:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err != unix.EAGAIN
		case n == 0:
			return true
		default:
			o.keep(buf[:n])
			total += n
		}
	}
	return false
}

// pumpUntil reads from both pipes until the process has ended and nobody writes any
// more, or for drainTime after its end.
func pumpUntil(p *process, stdout, stderr *outlet) {
	var pumps sync.WaitGroup
	for _, o := range [...]*outlet{stdout, stderr} {
		o.file = os.NewFile(uintptr(o.fd), "output")
		pumps.Go(o.pump)
	}
	p.await()
	deadline := time.Now().Add(drainTime)
	stdout.file.SetReadDeadline(deadline)
	stderr.file.SetReadDeadline(deadline)
	pumps.Wait()
}

// pump moves a stream into the spool until it ends.
func (o *outlet) pump() {
	buf := buffers.Get().(*[maxRecord]byte)
	defer buffers.Put(buf)
	for {
		n, err := o.file.Read(buf[:])
		if n > 0 {
			o.keep(buf[:n])
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			o.drain(buf[:])
			return
		}
		if err != nil {
			return
		}
	}
}

// drain reads what is in a watched pipe already. A deadline that has passed fails
// reads even of what is there, and on a busy machine much may be.
func (o *outlet) drain(buf []byte) {
	if o.file.SetReadDeadline(time.Time{}) != nil {
		return
	}
	raw, err := o.file.SyscallConn()
	if err != nil {
		return
	}
	for total := 0; total < most; {
		var n int
		err := raw.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), buf)
			return true
		})
		if err != nil || n <= 0 {
			return
		}
		o.keep(buf[:n])
		total += n
	}
}
