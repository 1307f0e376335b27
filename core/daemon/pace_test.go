package daemon

import (
	"os"
	"slices"
	"testing"
	"time"

	"hb/core"
)

func TestASampleIsDueWhenTheLoopIsAwakeAndNotTooOften(t *testing.T) {
	p := newPace()
	due := func() bool {
		select {
		case <-p.due:
			return true
		default:
			return false
		}
	}
	at := core.Instant(time.Hour)
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Millisecond, false}, {samplePeriod - 2*time.Millisecond, false}, {time.Millisecond, true}, {10 * time.Second, true}} {
		at = at.Add(c.after)
		p.step(at)
		if got := due(); got != c.want {
			t.Errorf("%v after the start: due %v", at.Sub(core.Instant(time.Hour)), got)
		}
	}
	if n := p.steps.Load(); n != 5 {
		t.Errorf("%d steps", n)
	}
}

func TestAProcessRestsWhenItHasBeenCalmAndUntilItIsNot(t *testing.T) {
	var did []string
	r := &rest{begin: func() { did = append(did, "begin") }, end: func() { did = append(did, "end") }, resident: func() int64 { return 1 << 20 }}
	at, steps := core.Instant(time.Hour), int64(0)
	for _, c := range []struct {
		seconds int
		rate    int64
		want    []string // so far
	}{
		{4, 30, nil},
		{2, 30, []string{"begin"}},
		{60, calmRate, []string{"begin"}},
		{1, calmRate + 1, []string{"begin", "end"}},
		{3, 5000, []string{"begin", "end"}},
		{4, 10, []string{"begin", "end"}},
		{1, 10, []string{"begin", "end", "begin"}},
	} {
		for range c.seconds {
			at, steps = at.Add(time.Second), steps+c.rate
			r.look(at, steps)
		}
		if !slices.Equal(did, c.want) {
			t.Fatalf("after %d s of %d steps: %v, want %v", c.seconds, c.rate, did, c.want)
		}
	}
}

func TestARestingProcessThatHasGrownGivesBackAgain(t *testing.T) {
	begun, holds := 0, int64(14<<20)
	r := &rest{begin: func() { begun++; holds = 8 << 20 }, end: func() {}, resident: func() int64 { return holds }}
	at, steps := core.Instant(time.Hour), int64(0)
	pass := func(d time.Duration) {
		for end := at.Add(d); at < end; {
			at, steps = at.Add(time.Second), steps+30
			r.look(at, steps)
		}
	}
	for _, c := range []struct {
		holds int64 // from here on
		pass  time.Duration
		begun int // after that
	}{
		{14 << 20, calmFor + time.Second, 1},
		{14 << 20, time.Minute, 1}, // that is what it needs
		{14<<20 + tidyFrom, time.Minute, 1},
		{15<<20 + tidyFrom, tidyEvery, 2},
		{13 << 20, tidyEvery, 2},
		{13<<20 + tidyFrom, time.Minute, 2},
		{14<<20 + tidyFrom, tidyEvery, 3},
	} {
		holds = c.holds
		if pass(c.pass); begun != c.begun {
			t.Errorf("holding %d MiB for %v it has begun %d times to rest, want %d", c.holds>>20, c.pass, begun, c.begun)
		}
	}
	if resident() < 1<<20 {
		t.Errorf("this program holds %d bytes", resident())
	}
}

const someSmaps = `00400000-00c66000 r-xp 00000000 fe:00 9986670                            /usr/bin/hb
Size:               8600 kB
Rss:                7512 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
00c66000-0153d000 r--p 00866000 fe:00 9986670                            /usr/bin/hb (deleted)
Anonymous:             0 kB
VmFlags: rd mr mw me
0153d000-01a9a000 rw-p 0113d000 fe:00 9986670                            /usr/bin/hb
Anonymous:             0 kB
VmFlags: rd wr mr mw me ac
7f0000000000-7f0000001000 r--p 00000000 fe:00 326269                     /usr/lib/libc.so.6
Anonymous:             4 kB
VmFlags: rd mr mw me ac
7f0000001000-7f0000002000 r--p 00000000 fe:00 326269                     /usr/lib/swapped.so
Anonymous:             0 kB
Swap:                  4 kB
VmFlags: rd mr mw me ac
7f0000002000-7f0000003000 r--p 00000000 00:00 0
Anonymous:             0 kB
VmFlags: rd mr mw me ac
7ffd0000a000-7ffd0000c000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
VmFlags: rd ex mr mw me de
rubbish
zz-yy r--p 0 0 0 /x
VmFlags: rd
`

func TestOnlyUnchangedPagesOfFilesAreUnmapped(t *testing.T) {
	want := []region{{0x400000, 0xc66000}, {0xc66000, 0x153d000}}
	if got := cleanRegions(someSmaps); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// The program goes on as before: every page it needs comes back from its file.
func TestThisProgramLivesOnWithoutItsPages(t *testing.T) {
	own, err := os.ReadFile("/proc/self/smaps")
	if err != nil || len(cleanRegions(string(own))) == 0 {
		t.Fatalf("no mapping of this program's file is found: %v", err)
	}
	for range 3 {
		dropClean()
		TestOnlyUnchangedPagesOfFilesAreUnmapped(t)
	}
}
