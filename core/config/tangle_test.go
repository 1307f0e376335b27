package config

import (
	"fmt"
	"strings"
	"testing"

	"hb/core/alloctest"
)

// mostAllocated is what the parsing of a file may allocate: 256 times the longest.
// With the library four times is not to be had, and the file is its own user's.
const mostAllocated = 16 << 20

// One of these took 37 GB and three minutes.
func TestNoFileTakesMuchMemory(t *testing.T) {
	fill := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < maxFile-100; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, text := range []string{
		"[node]\n" + fill("k%x=1\n"), fill("[s%x]\n"), fill("k%x=1\n"), fill("[tasks.s%x]\n"), fill("[[a]]#%x\n"), fill("a.b.c.d%x=1\n"),
		"[node]\nname=[" + fill("1,#%x\n"), "[node]\nname=" + strings.Repeat("[", maxFile/2) + strings.Repeat("]", maxFile/3),
		"[node]\nname=[" + strings.Repeat("[],", maxFile/4) + "]", "[node]\nname=[" + strings.Repeat("{},", maxFile/4) + "]",
		"a" + strings.Repeat(".a", maxFile/3) + "=1", "[a" + strings.Repeat(" . a", maxFile/5) + "]", strings.Repeat("=\n", maxFile/3),
		"[node]\nname=\"" + strings.Repeat("a", maxFile-100) + "\"", "[node]\n" + strings.Repeat("a", maxFile-100) + "=1",
		strings.Repeat("[a]\n=\n", maxFile/8),
	} {
		alloctest.Within(t, mostAllocated/4, func() { Parse("f", []byte(text)) })
		if t.Failed() {
			t.Fatalf("%.80q", text)
		}
	}
}

func TestALongKeyIsFoundOutsideOfTextOnly(t *testing.T) {
	const long = "a.a.a.a.a.a.a.a.a"
	for text, line := range map[string]int{
		"a.b.c = 1": 0, "x = \"" + long + "\"": 0, "# " + long: 0, "x = \"\"\"\n" + long + "\n\"\"\"\ny = 1": 0,
		"x = 'a\\'\n" + long + " = 1": 2, "\n" + long + " = 1": 2, "x = [[[[[[[[[1]]]]]]]]]": 1, "x = \"\\\".\"\n[" + long + "]": 2,
		"x = \"a\n" + long + " = 1": 2, "x = [\n[1],\n[1]]\n[a]\n[b]": 0, "\"": 0, "'''": 0, "#": 0, "\"\\": 0,
	} {
		if got := tangled([]byte(text)); got != line {
			t.Errorf("%q: line %d, not %d", text, got, line)
		}
	}
}

func TestAFileWithManyFaultsIsToldTheFirst(t *testing.T) {
	_, findings := Parse("f", []byte("[node]\n"+strings.Repeat("a", 200)+"=1\n"+many(500)))
	if len(findings) != maxFindings+1 || findings[maxFindings].Problem != "may have more problems" {
		t.Errorf("%d findings: %v", len(findings), findings[len(findings)-1])
	}
}

// many are keys that hb.toml does not have.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%x=1\n", i)
	}
	return b.String()
}
