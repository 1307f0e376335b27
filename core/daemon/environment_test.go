package daemon

import (
	"slices"
	"strings"
	"testing"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

func TestATaskFindsACleanEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "x")
	fence := core.Fence(1 << 20)
	e := node.Exec{Fence: fence, Task: core.TaskID{1}, Attempt: 3, Spec: &wire.Spec{
		Env: []string{"COLOUR=blue", "LANG=de_DE.UTF-8", "HB_FENCE=forged"},
	}}
	got := environment(e, userVariables(), "here", 0x1234)
	for _, want := range []string{"COLOUR=blue", "LANG=de_DE.UTF-8", "HB_ATTEMPT=3", "HB_FENCE=" + fence.String(), "HB_NODE=here",
		"HB_NODE_ID=" + core.NodeID(0x1234).String(), "HB_TASK_ID=" + core.TaskID{1}.String(), "PATH=" + cleanPath, userVariables()[0], userVariables()[1]} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	for _, kv := range got {
		if strings.HasPrefix(kv, "SECRET") || kv == "HB_FENCE=forged" {
			t.Errorf("%s is in it", kv)
		}
	}
}

func TestNothingInALineOfTheLogMovesATerminal(t *testing.T) {
	var out strings.Builder
	l := newLogger()
	l.line(true, "joined \x1b[31mred\x1b[0m, \u202eturned\u202c, bell\a, wide 名前, bad \xff, line\nwarning: forged")
	l.box.close()
	l.run(&out)
	if want := "warning: joined \uFFFD[31mred\uFFFD[0m, \uFFFDturned\uFFFD, bell\uFFFD, wide 名前, bad \uFFFD, line\uFFFDwarning: forged\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
