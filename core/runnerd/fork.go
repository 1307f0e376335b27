package runnerd

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// forkers are the threads that fork. A child's parent-death signal comes when
// the thread that made it ends, so these never do.
type forkers struct {
	jobs    chan func()
	nothing *os.File // to read
}

func startForkers(n int) (forkers, error) {
	nothing, err := os.Open(os.DevNull)
	f := forkers{jobs: make(chan func()), nothing: nothing}
	for range n {
		go f.serve()
	}
	return f, err
}

func (f forkers) serve() {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// Orphans become children of the first thread: it forks none itself.
		go f.serve()
		select {}
	}
	// What a thread has given up, its children have, too: no program that they
	// execute, sudo say, makes them more than they are.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic("the kernel knows no no_new_privs: " + err.Error())
	}
	for do := range f.jobs {
		do()
	}
	select {} // the thread's children still run
}

// process is a child that runs.
type process struct {
	*os.Process
	watch *os.File // readable when it has ended
}

// start makes a process on one of the threads.
func (f forkers) start(path string, argv []string, attr *os.ProcAttr) (p *process, err error) {
	pidfd := -1
	attr.Sys.Pdeathsig = syscall.SIGKILL
	attr.Sys.PidFD = &pidfd
	done := make(chan struct{})
	f.jobs <- func() {
		defer close(done)
		var started *os.Process
		if started, err = os.StartProcess(path, argv, attr); err == nil {
			p = &process{Process: started}
		}
	}
	<-done
	if err != nil {
		return nil, err
	}
	if pidfd >= 0 {
		if syscall.SetNonblock(pidfd, true) == nil {
			p.watch = os.NewFile(uintptr(pidfd), "pidfd")
		} else {
			syscall.Close(pidfd)
		}
	}
	return p, nil
}
