package store

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hb/core"
)

func openDir(dir string) (*Store, *Restored, error) {
	fsys, err := OS(dir)
	if err != nil {
		return nil, nil, err
	}
	return OpenWith(fsys, small)
}

func TestARealDirectoryKeepsEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, _, err := openDir(dir)
	must(t, err)
	must(t, s.SaveSnapshot(snapshotAt(1, 1, "genesis"), 2, true))
	must(t, s.SaveIdentity(identity()))
	for i := uint64(2); i < 50; i++ {
		put(t, s, entryRecord(1, i, "entry"))
		must(t, s.Prepare())
	}
	putJournal(t, s, intent(4))
	must(t, s.SaveSnapshot(snapshotAt(1, 30, "at 30"), 20, false))
	must(t, s.Close())
	s, r, err := openDir(dir)
	must(t, err)
	if len(r.Entries) != 19 || len(r.Journal) != 1 || r.Instance != 2 || r.Identity.GetNode() != 7 || r.Damaged != nil || len(r.Remarks) > 0 {
		t.Errorf("restored %+v", r)
	}
	must(t, s.SetAside())
	s, r, err = openDir(dir)
	must(t, err)
	if r.Identity != nil || len(r.Remarks) > 0 {
		t.Errorf("after SetAside: %+v", r)
	}
	must(t, s.Close())
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v", info.Mode())
	}
}

func TestADirectoryHasOneUser(t *testing.T) {
	dir := t.TempDir()
	s, _, err := openDir(dir)
	must(t, err)
	_, _, err = openDir(dir)
	if codeOf(err) != core.CodeBusy || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second user: %v", err)
	}
	must(t, s.Close())
	s, _, err = openDir(dir)
	must(t, err)
	must(t, s.Close())
}

func TestWhatIsInTheWayIsNamed(t *testing.T) {
	for name, says := range map[string]string{
		walDir: "a file is in the way: a directory must be there", snapDir: "a file is in the way: a directory must be there",
		journalDir: "a file is in the way: a directory must be there", "lock": "a directory is in the way: a file must be there",
		idName: "a directory is in the way: a file must be there",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if strings.Contains(says, "a directory must") {
			must(t, os.WriteFile(path, nil, 0o600))
		} else {
			must(t, os.Mkdir(path, 0o700))
		}
		if _, _, err := openDir(dir); codeOf(err) != core.CodeConfig || err.Error() != path+": "+says {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADirectoryThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, _, err := openDir(file); codeOf(err) != core.CodeConfig || !strings.Contains(err.Error(), file) {
		t.Errorf("a file: %v", err)
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, idName), []byte("garbage, but long enough to be looked at"), 0o600))
	_, _, err := openDir(dir)
	if codeOf(err) != core.CodeIO || !strings.Contains(err.Error(), filepath.Join(dir, idName)) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a garbled identity: %v", err)
	}
}

// asNobody runs this test binary again as another user, who cannot have what
// root owns.
const asNobody = "HB_STORE_TEST_DIR"

func TestWithoutPermission(t *testing.T) {
	if dir := os.Getenv(asNobody); dir != "" {
		_, _, err := openDir(dir)
		fmt.Printf("code %d: %v\n", codeOf(err), err)
		return
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o500))
	if os.Getuid() != 0 {
		if _, _, err := openDir(dir); codeOf(err) != core.CodeDenied {
			t.Errorf("a directory that cannot be written: %v", err)
		}
		return
	}
	for _, name := range []string{"", "sub"} {
		out := runAsNobody(t, filepath.Join(dir, name))
		if !strings.Contains(out, fmt.Sprintf("code %d: %s", core.CodeDenied, dir)) || strings.Contains(out, "%!") {
			t.Errorf("as nobody in %q: %s", name, out)
		}
	}
}

func runAsNobody(t *testing.T, dir string) string {
	t.Helper()
	// The test binary lies where only its owner may look.
	exe, err := os.Executable()
	must(t, err)
	b, err := os.ReadFile(exe)
	must(t, err)
	open, err := os.MkdirTemp("", "hb-store-test")
	must(t, err)
	defer os.RemoveAll(open)
	must(t, os.Chmod(open, 0o755))
	copied := filepath.Join(open, "store.test")
	must(t, os.WriteFile(copied, b, 0o755))
	cmd := exec.Command(copied, "-test.run=^TestWithoutPermission$")
	cmd.Env = append(os.Environ(), asNobody+"="+dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("SKIPPED: another user cannot run the test, so a directory of others is NOT tested in this run: %v\n%s", err, out)
	}
	return string(out)
}
