package control

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hb/core"
	"hb/core/node"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// TestShapes pins every answer of the API, byte for byte: scripts depend on it.
func TestShapes(t *testing.T) {
	id := taskID(exampleTask().Id)
	for name, call := range map[string]struct{ method, path, body string }{
		"members":      {"GET", "/v1/members", ""},
		"leader":       {"GET", "/v1/leader", ""},
		"leader-stale": {"GET", "/v1/leader?stale=true", ""},
		"transfer":     {"POST", "/v1/leader/transfer", `{"to":"b"}`},
		"status":       {"GET", "/v1/status", ""},
		"tasks":        {"GET", "/v1/tasks", ""},
		"submitted":    {"POST", "/v1/tasks", `{"task":"` + id + `","argv":["sh","-c","exit 7"]}`},
		"task":         {"GET", "/v1/tasks/" + id, ""},
		"task-wait":    {"GET", "/v1/tasks/" + id + "/wait", ""},
		"task-cancel":  {"POST", "/v1/tasks/" + id + "/cancel", ""},
		"output":       {"GET", "/v1/tasks/" + id + "/output?follow=true", ""},
		"output-from":  {"GET", "/v1/tasks/" + id + "/output?from=6", ""},
		"events":       {"GET", "/v1/events?since=0", ""},
		"log":          {"GET", "/v1/log?from=1", ""},
		"appended":     {"POST", "/v1/log", "any\x00bytes"},
		"probe":        {"POST", "/v1/probe", `{"targets":["b","127.0.0.1:7003"]}`},
		"mesh":         {"POST", "/v1/probe/mesh", `{"targets":["a","b"]}`},
		"wait":         {"GET", "/v1/wait?for=leader&for=members%3D3", ""},
		"leave":        {"POST", "/v1/leave", ""},
		"voters":       {"GET", "/v1/voters", ""},
		"voters-set":   {"POST", "/v1/voters", `{"target":5}`},
		"keys":         {"GET", "/v1/keys", ""},
		"keys-rotate":  {"POST", "/v1/keys/rotate", "{}"},
		"vote":         {"POST", "/v1/voters/vote", `{"node":"b","wish":"demoted","force":true}`},
		"forget":       {"POST", "/v1/forget", `{"node":"b"}`},
		"locks":        {"GET", "/v1/locks", ""},
		"lock":         {"POST", "/v1/locks", `{"name":"db","session":"000102030405060708090a0b0c0d0e0f","wait":true}`},
		"leader-run":   {"POST", "/v1/leader/run", `{"session":"000102030405060708090a0b0c0d0e0f","wait":false}`},
		"positions":    {"GET", "/v1/log/positions", ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := raw(t, example, call.method, call.path, call.body)
			if status != 200 {
				t.Fatalf("HTTP %d: %s", status, body)
			}
			compare(t, name, pretty(t, body))
		})
	}
}

// pretty spreads JSON over lines, so that a change of a golden file reads well.
func pretty(t *testing.T, body string) []byte {
	t.Helper()
	var out bytes.Buffer
	for line := range strings.Lines(body) {
		if err := json.Indent(&out, []byte(line), "", "  "); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
	}
	return out.Bytes()
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the shape %s has changed (go test -update accepts it):\n%s\nwas\n%s", name, got, want)
	}
}

func TestBeforeAClusterNothingIsMadeUp(t *testing.T) {
	_, body := raw(t, func(node.Request) []node.Reply { return last(node.MembersView{}) }, "GET", "/v1/members", "")
	if want := `{"schema":"hb.members/1","cluster":{"id":null,"name":null,"epoch":null},"members":[],"isolated":false}` + "\n"; body != want {
		t.Errorf("got %s, want %s", body, want)
	}
}

func TestTheExitOfATaskIsWhatAShellWouldSay(t *testing.T) {
	for _, c := range []struct {
		status       string
		exit, signal int32
		lost         bool
		want         string
	}{
		{"succeeded", 0, 0, false, "0"},
		{"failed", 7, 0, false, "7"},
		{"failed", 127, 0, false, "127"},
		{"failed", -1, 9, false, "137"},
		{"timed-out", -1, 15, false, "124"},
		{"cancelled", -1, 15, false, "143"},
		{"unknown", 0, 0, true, "null"},
		{"failed", 0, 0, true, "null"},
		{"running", 0, 0, false, "null"},
	} {
		task := exampleTask()
		task.Status, task.Result.Exit, task.Result.Signal, task.Result.Lost = c.status, c.exit, c.signal, c.lost
		got, err := json.Marshal(exitOf(task))
		if err != nil || string(got) != c.want {
			t.Errorf("%s with exit %d, signal %d, lost %v: %s, want %s", c.status, c.exit, c.signal, c.lost, got, c.want)
		}
	}
}

func TestAQueuedTaskNeedsNoResult(t *testing.T) {
	task := exampleTask()
	task.Result, task.Attempts, task.Status = nil, nil, "queued"
	if got := taskOf(task, nil, nil); got.Exit != nil || got.Result != nil || len(got.Attempts) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAMemberNobodyCanNameIsShownByItsID(t *testing.T) {
	if got := (names{1: "a"}).of(core.NodeID(2)); got != "0000000000000002" {
		t.Errorf("got %q", got)
	}
}
