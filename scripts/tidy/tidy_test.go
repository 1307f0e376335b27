package tidy

import (
	"slices"
	"strings"
	"testing"
)

// rule is one habit of the house.
type rule struct {
	name string
	// why stands behind every breach, so that nobody has to ask.
	why   string
	check func(*tree) []finding
	// bad are trees that the rule must find fault with, good is one it must not.
	bad  []fixture
	good fixture
	// advice is printed, and fails nothing.
	advice bool
}

// fixture is a small tree: file contents by path.
type fixture map[string]string

func rules() []rule {
	return []rule{
		floorsRule, mapRule, purityRule, orderRule, globalsRule,
		importersRule, packageDocsRule, exportedDocsRule, sleepRule, skipRule,
		decodersRule, messagesRule, weighedRule, schemaRule, commandsRule, configRule,
		placesRule, fileLengthRule, functionLengthRule,
	}
}

func TestTheTreeKeepsEveryRule(t *testing.T) {
	whole := checkout(t)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			found := r.check(whole)
			slices.SortFunc(found, func(a, b finding) int { return strings.Compare(a.String(), b.String()) })
			for _, f := range found {
				if r.advice {
					t.Logf("advice: %s", f)
				} else {
					t.Errorf("%s", f)
				}
			}
			if len(found) > 0 && !r.advice {
				t.Logf("why: %s", r.why)
			}
		})
	}
}

func TestEveryRuleCanFail(t *testing.T) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if r.why == "" || len(r.bad) == 0 || len(r.good) == 0 {
				t.Fatal("a rule needs a reason, a fixture that breaks it and one that does not")
			}
			for i, bad := range r.bad {
				found := r.check(bad.tree(t))
				if len(found) == 0 || strings.Contains(found[0].text, untyped) {
					t.Errorf("fixture %d breaks the rule and is not found for it: %v\n%v", i, found, bad)
				}
			}
			if found := r.check(r.good.tree(t)); len(found) > 0 {
				t.Errorf("the good fixture is blamed: %v", found)
			}
		})
	}
}

func (f fixture) tree(t *testing.T) *tree {
	t.Helper()
	texts := map[string][]byte{}
	for name, text := range f {
		texts[name] = []byte(text)
	}
	small, err := newTree(texts)
	if err != nil {
		t.Fatal(err)
	}
	return small
}
