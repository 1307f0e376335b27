package sim

import (
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"hb/core/store"
	"hb/core/wire"
)

func newTestDisk(seed uint64) *Disk { return NewDisk(rand.New(rand.NewPCG(seed, 1))) }

// ---- the disk itself --------------------------------------------------------

func writeFile(t *testing.T, d *Disk, name, content string) store.File {
	t.Helper()
	f, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(content), 0); err != nil {
		t.Fatal(err)
	}
	return f
}

func content(d *Disk, name string) string {
	f, err := d.Open(name)
	if err != nil {
		return "(none)"
	}
	size, _ := f.Size()
	b := make([]byte, size)
	f.ReadAt(b, 0)
	return string(b)
}

func TestACrashKeepsWhatWasSyncedAndLosesSomeOfTheRest(t *testing.T) {
	unsynced, unnamed, torn := 0, 0, 0
	for seed := range uint64(200) {
		d := newTestDisk(seed)
		old := strings.Repeat("a", 2000)
		f := writeFile(t, d, "kept", old)
		f.Sync()
		d.SyncDir("")
		f.WriteAt([]byte(strings.Repeat("b", 2000)), 0)
		writeFile(t, d, "new", "new").Sync() // but not its name
		d.Crash()
		got := content(d, "kept")
		if len(got) != 2000 || strings.Trim(got, "ab") != "" {
			t.Fatalf("seed %d: %q", seed, got)
		}
		for i := 0; i < len(got); i += diskSector {
			if s := got[i:min(i+diskSector, len(got))]; strings.Trim(s, "a") != "" && strings.Trim(s, "b") != "" {
				t.Fatalf("seed %d: half a sector was written", seed)
			}
		}
		switch {
		case got == old:
			unsynced++
		case strings.Contains(got, "a"):
			torn++
		}
		if content(d, "new") == "(none)" {
			unnamed++
		}
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			t.Fatal("a file survived the power cut")
		}
	}
	if unsynced == 0 || unnamed == 0 || torn == 0 {
		t.Errorf("200 crashes lost %d writes, %d names and tore %d", unsynced, unnamed, torn)
	}
}

func TestARenameIsOneOrTheOtherAfterACrash(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(100) {
		d := newTestDisk(seed)
		writeFile(t, d, "x", "old").Sync()
		d.SyncDir("")
		writeFile(t, d, "x.part", "new").Sync()
		if err := d.Rename("x.part", "x"); err != nil {
			t.Fatal(err)
		}
		if seed%2 == 0 {
			d.SyncDir("")
		}
		d.Crash()
		got := content(d, "x")
		seen[got]++
		if seed%2 == 0 && got != "new" || got != "new" && got != "old" {
			t.Fatalf("seed %d: %q", seed, got)
		}
	}
	if seen["old"] == 0 {
		t.Error("no rename was ever lost")
	}
}

func TestTheInjectedFaultsOfADisk(t *testing.T) {
	d := newTestDisk(1)
	f := writeFile(t, d, "a", "1234")
	d.FailSync()
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v", err)
	}
	d.Limit(6)
	if _, err := f.WriteAt([]byte("12345678"), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	if _, err := f.WriteAt([]byte("5678"), 0); err != nil {
		t.Errorf("overwriting on a full disk: %v", err)
	}
	if said := d.Flip(); !strings.HasPrefix(said, "a, byte ") || content(d, "a") == "5678" {
		t.Errorf("flip: %q, %q", said, content(d, "a"))
	}
	d.CutAfter(1)
	if err := f.Sync(); err != nil {
		t.Errorf("one more operation: %v", err)
	}
	if err := f.Sync(); err == nil || d.SyncDir("") == nil {
		t.Error("the power did not go")
	}
}

func TestOneSeedIsOneDisk(t *testing.T) {
	run := func() string {
		d := newTestDisk(7)
		s, _, err := store.OpenWith(d, sizes)
		if err != nil {
			t.Fatal(err)
		}
		for i := uint64(1); i < 200; i++ {
			if err := s.Write([]*wire.Record{logEntry(1, i)}); err != nil {
				t.Fatal(err)
			}
		}
		d.Crash()
		names, _ := d.List("wal")
		all := d.Flip()
		for _, name := range names {
			all += name + content(d, "wal/"+name)
		}
		return all
	}
	if run() != run() {
		t.Error("the same seed gave two disks")
	}
}
