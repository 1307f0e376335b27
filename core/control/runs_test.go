package control

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// working has two tasks that a member was given, the second of which runs.
func working(asked *ledger.Query) backend {
	given := func(n byte) *wire.Task {
		return &wire.Task{
			Id: append(make([]byte, 15), n), Spec: &wire.Spec{Name: "x"}, Status: ledger.Assigned,
			Attempts: []*wire.Attempt{{N: 1, Fence: uint64(n) << 20, Node: 2}},
		}
	}
	tasks := []*wire.Task{given(1), given(2)}
	return func(r node.Request) []node.Reply {
		switch q := r.(type) {
		case node.ListTasks:
			*asked = q.Query
			return last(node.TasksView{Tasks: tasks})
		case node.GetTask:
			return last(tasks[q.Task[15]-1])
		case node.AskRuns:
			v := node.RunsView{}
			if slices.Contains(q.Tasks, core.TaskID(tasks[1].Id)) {
				v[2<<20] = int64(noon)
			}
			return last(v)
		}
		return example(r)
	}
}

// fetch reads what GET answers.
func fetch[T any](t *testing.T, b backend, path string) (v T) {
	t.Helper()
	if status, body := raw(t, b, "GET", path, ""); status != 200 || json.Unmarshal([]byte(body), &v) != nil {
		t.Fatalf("%s: HTTP %d: %s", path, status, body)
	}
	return v
}

func TestWhatRunsIsToldFromWhatIsOnlyAssigned(t *testing.T) {
	var asked ledger.Query
	first, second := taskID(append(make([]byte, 15), 1)), taskID(append(make([]byte, 15), 2))
	for path, want := range map[string]string{
		"/v1/tasks":                                       first + " assigned, " + second + " running, ",
		"/v1/tasks?status=assigned":                       first + " assigned, ",
		"/v1/tasks?status=running":                        second + " running, ",
		"/v1/tasks?status=running&status=assigned":        first + " assigned, " + second + " running, ",
		"/v1/tasks?status=running&newest=true&limit=1":    second + " running, ",
		"/v1/tasks?status=assigned&newest=true&limit=1":   first + " assigned, ",
		"/v1/tasks?status=running&status=queued&limit=10": second + " running, ",
	} {
		list := fetch[Tasks](t, working(&asked), path)
		got := ""
		for _, row := range list.Tasks {
			got += row.ID + " " + row.Status + ", "
		}
		if got != want {
			t.Errorf("%s: %s; want %s", path, got, want)
		}
		if strings.Contains(path, "newest") && asked.Limit != 0 {
			t.Errorf("%s: the node was asked for %d, of which some may not be wanted", path, asked.Limit)
		}
	}
	if got := fetch[Task](t, working(&asked), "/v1/tasks/"+second); got.Status != ledger.Running || got.Attempts[0].Started == nil {
		t.Errorf("the task: %+v", got)
	}
	if got := fetch[Task](t, working(&asked), "/v1/tasks/"+first); got.Status != ledger.Assigned || got.Attempts[0].Started != nil {
		t.Errorf("the task: %+v", got)
	}
}
