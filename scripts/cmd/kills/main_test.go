package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hb/core/control"
)

func attemptOf(n uint32, fence string) control.Attempt { return control.Attempt{N: n, Fence: fence} }

func TestTheBooksSeeEveryBrokenPromise(t *testing.T) {
	path := filepath.Join(t.TempDir(), diary)
	text := "ran good 1 10\nran ghost 1 11\nran twice 1 12\nran twice 1 12\nran again 1 13\nran again 2 14\noverlap good 1 key\nnonsense\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &books{by: map[string]int{}}
	ran, err := readDiary(path, b)
	if err != nil || len(b.faults) != 2 {
		t.Fatalf("%v, %v", err, b.faults)
	}
	for _, c := range []struct {
		job  job
		task control.Task
		want string
	}{
		{job{id: "good"}, control.Task{Status: "succeeded", Attempts: []control.Attempt{attemptOf(1, "10")}}, ""},
		{job{id: "ghost"}, control.Task{Status: "succeeded", Attempts: []control.Attempt{attemptOf(1, "99")}}, "granted false"},
		{job{id: "twice"}, control.Task{Status: "succeeded", Attempts: []control.Attempt{attemptOf(1, "12")}}, "ran 2 times"},
		{job{id: "again", once: true}, control.Task{Status: "unknown", Attempts: []control.Attempt{attemptOf(1, "13"), attemptOf(2, "14")}}, "may run once"},
		{job{id: "never"}, control.Task{Status: "succeeded"}, "never ran"},
		{job{id: "never"}, control.Task{Status: "failed"}, ""},
	} {
		b := &books{}
		b.compare(c.job, &c.task, ran[c.job.id])
		if said := strings.Join(b.faults, "\n"); c.want == "" && said != "" || !strings.Contains(said, c.want) {
			t.Errorf("of %s it says %q, wanted %q", c.job.id, said, c.want)
		}
	}
}

func TestATaskNotesWhoItIsAndWhoElseHoldsItsKey(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HB_TASK_ID", "task")
	t.Setenv("HB_ATTEMPT", "2")
	t.Setenv("HB_FENCE", "7")
	for range 2 { // the first has let go of it
		if code := beTask(dir, "key", "0s"); code != 0 {
			t.Fatalf("exit %d", code)
		}
	}
	b := &books{}
	ran, err := readDiary(filepath.Join(dir, diary), b)
	if err != nil || ran["task"]["2 7"] != 2 || len(b.faults) > 0 {
		t.Fatalf("%v, %v, %v", ran, b.faults, err)
	}
}
