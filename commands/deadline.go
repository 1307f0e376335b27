package commands

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"hb/core"
)

// deadline is a timer of the kernel's that kills this process, with SIGKILL, which
// also ends one that is stopped: so that a pause does not carry a child, which dies
// with its parent, beyond an instant.
type deadline struct {
	id   int32
	made bool
}

// sigevent is that of timer_create(2).
type sigevent struct {
	_      uint64
	signo  int32
	notify int32 // 0: a signal to the process
	_      [48]byte
}

// set arms the timer. With an error, where the kernel gives none (a limit on pending
// signals, a sandbox), there is only what the process does itself.
func (d *deadline) set(at core.Instant) error {
	if !d.made {
		event := sigevent{signo: int32(syscall.SIGKILL)}
		if _, _, failed := unix.Syscall(unix.SYS_TIMER_CREATE, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&d.id))); failed != 0 {
			return os.NewSyscallError("timer_create", failed)
		}
		d.made = true
	}
	when := unix.ItimerSpec{Value: unix.NsecToTimespec(time.Duration(at).Nanoseconds())}
	if _, _, failed := unix.Syscall6(unix.SYS_TIMER_SETTIME, uintptr(d.id), unix.TIMER_ABSTIME, uintptr(unsafe.Pointer(&when)), 0, 0, 0); failed != 0 {
		return os.NewSyscallError("timer_settime", failed)
	}
	return nil
}

// clear takes the timer away.
func (d *deadline) clear() {
	if d.made {
		unix.Syscall(unix.SYS_TIMER_DELETE, uintptr(d.id), 0, 0)
		d.made = false
	}
}
