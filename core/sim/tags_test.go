package sim

import (
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// A member is told other tags while it runs: tasks are placed by them as soon as it
// says so, whoever leads, and after it was started again, too.
func TestTagsAreToldAndKept(t *testing.T) {
	w := cluster(t, 41, 3)
	big := func(host int) *Call {
		return w.Ask(host, node.SubmitTask{Task: w.mintTask(), Spec: &wire.Spec{Argv: []string{Work, "100ms"}, Where: []string{"disk=big"}}})
	}
	early := answer[node.Submitted](t, w, big(0)).Task // nobody has a big disk yet: it waits
	got := answer[node.TagsView](t, w, w.Ask(2, node.SetTags{Set: map[string]string{"disk": "big", "zone": "x"}}))
	if got.Tags["disk"] != "big" || got.Tags["zone"] != "x" {
		t.Fatalf("it has the tags %v", got.Tags)
	}
	ends(t, w, 60*time.Second, ledger.Succeeded, early)
	runsOn := func(by, on int) {
		t.Helper()
		id := answer[node.Submitted](t, w, big(by)).Task
		ends(t, w, 60*time.Second, ledger.Succeeded, id)
		if at := w.Task(id).Attempts[0].Node; at != uint64(w.Node(on).ID()) {
			t.Errorf("it ran on %v", core.NodeID(at))
		}
	}
	runsOn(0, 2)

	// A start later, under other leaders, it has them still, and its own word is not
	// taken back by what others have heard before.
	for i := range 3 {
		w.Kill(i)
		w.Restart(i)
		reach(t, w, 60*time.Second, node.Condition{Kind: "ready"}, node.Condition{Kind: "members", N: 3})
		runsOn(1, 2)
	}

	// One more and one less at once; then it runs elsewhere.
	answer[node.TagsView](t, w, w.Ask(2, node.SetTags{Set: map[string]string{"zone": "y"}, Drop: []string{"disk", "unknown"}}))
	answer[node.TagsView](t, w, w.Ask(1, node.SetTags{Set: map[string]string{"disk": "big"}}))
	runsOn(2, 1)
	for i := range 3 {
		for _, m := range answer[node.MembersView](t, w, w.Ask(i, node.GetMembers{})).Members {
			if m.ID == w.Node(2).ID() && (m.Tags["zone"] != "y" || m.Tags["disk"] != "") {
				t.Errorf("%d sees it with the tags %v", i, m.Tags)
			}
		}
	}

	// What cannot travel is refused, and changes nothing.
	long := map[string]string{}
	for i := range 40 {
		long[string(rune('a'+i%26))+string(rune('a'+i/26))] = string(make([]byte, 60))
	}
	if f := answer[*core.Fault](t, w, w.Ask(0, node.SetTags{Set: long})); f.Code != core.CodeBadInput {
		t.Errorf("tags that are too long: %v", f)
	}
}

// A member that crashes at any moment of a change comes back with the tags of before
// or of after, and all agree which.
func TestACrashLeavesOneOfTwoTags(t *testing.T) {
	for seed := range uint64(8) {
		w := cluster(t, 50+seed, 3)
		w.Ask(1, node.SetTags{Set: map[string]string{"disk": "big"}})
		pass(t, w, time.Duration(seed)*2*time.Millisecond)
		w.Kill(1)
		pass(t, w, time.Second)
		w.Restart(1)
		reach(t, w, 60*time.Second, node.Condition{Kind: "ready"}, node.Condition{Kind: "members", N: 3})
		tags := func(host int) string {
			for _, m := range answer[node.MembersView](t, w, w.Ask(host, node.GetMembers{})).Members {
				if m.ID == w.Node(1).ID() {
					return m.Tags["disk"]
				}
			}
			return "?"
		}
		own := tags(1)
		until(t, w, 30*time.Second, func() bool { return tags(0) == own && tags(2) == own })
		if own != "" && own != "big" {
			t.Errorf("seed %d: it has %q", seed, own)
		}
	}
}
