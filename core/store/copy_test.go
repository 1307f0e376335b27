package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hb/core"
)

// realMember makes a member's directory on a real disk, with entries up to 3.
func realMember(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	files, err := OS(dir)
	must(t, err)
	s, _ := mustOpen(t, files)
	must(t, s.SaveSnapshot(snapshotAt(1, 1, "genesis"), 2, true))
	must(t, s.SaveIdentity(identity()))
	put(t, s, entryRecord(1, 2, "a"), entryRecord(1, 3, "b"), hardState(1, 7, 2))
	must(t, s.Close())
	return dir
}

// content is every file below a directory.
func content(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	must(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			all[strings.TrimPrefix(path, dir)], err = os.ReadFile(path)
		}
		return err
	}))
	return all
}

func TestACopyIsOpenedWithoutATraceOnTheDisk(t *testing.T) {
	dir := realMember(t)
	before := content(t, dir)
	look, err := ReadOnly(dir)
	must(t, err)
	files, err := Copy(look)
	must(t, err)
	s, r := mustOpen(t, files)
	if r.Identity.GetNode() != 7 || len(r.Entries) != 2 || r.Hard.GetCommit() != 2 || r.Damaged != nil || r.Doubt != nil {
		t.Fatalf("%+v", r)
	}
	put(t, s, entryRecord(1, 4, "c"))
	must(t, s.Prepare())
	must(t, s.SetAside())
	after := content(t, dir)
	if len(before) != len(after) {
		t.Errorf("%d files became %d", len(before), len(after))
	}
	for name, was := range before {
		if !bytes.Equal(after[name], was) {
			t.Errorf("%s was changed", name)
		}
	}
}

func TestADirectoryOnWhichANodeRunsIsNotLookedAt(t *testing.T) {
	dir := realMember(t)
	files, err := OS(dir)
	must(t, err)
	s, _ := mustOpen(t, files)
	if _, err := ReadOnly(dir); codeOf(err) != core.CodeBusy {
		t.Errorf("%v", err)
	}
	must(t, s.Close())
	if _, err := ReadOnly(dir); err != nil {
		t.Error(err)
	}
	if _, err := ReadOnly(dir + "/none"); codeOf(err) != core.CodeUnheard {
		t.Errorf("%v", err)
	}
	if _, err := ReadOnly(dir + "/id"); codeOf(err) != core.CodeBadInput {
		t.Errorf("%v", err)
	}
}

func TestABackupIsADataDirectoryLikeAnyOther(t *testing.T) {
	dir := realMember(t)
	files, err := OS(dir)
	must(t, err)
	for _, name := range []string{"before-1", "before-2"} {
		where, err := Backup(files)
		if err != nil || filepath.Base(where) != name {
			t.Fatalf("%s, %v", where, err)
		}
		copied, err := OS(where)
		must(t, err)
		s, r := mustOpen(t, copied)
		if r.Identity.GetNode() != 7 || len(r.Entries) != 2 || r.Damaged != nil || r.Instance != 2 {
			t.Fatalf("%+v", r)
		}
		must(t, s.Close())
	}
}
