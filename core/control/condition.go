package control

import (
	"strconv"
	"strings"

	"hb/core"
	"hb/core/node"
)

// conditionForms is what a condition may look like, for people.
const conditionForms = "ready, leader, quorum, members=N, voters=N, applied=INDEX or gone=NODE"

// ParseCondition reads one condition of `hb wait`; the error is a *core.Fault
// with CodeUsage that says which forms there are.
func ParseCondition(s string) (node.Condition, error) {
	kind, value, has := strings.Cut(s, "=")
	c := node.Condition{Kind: kind}
	bad := func() (node.Condition, error) {
		return c, core.Faultf(core.CodeUsage, "%.80q is no condition", s).WithHint("a condition is %s", conditionForms)
	}
	switch kind {
	case "ready", "leader", "quorum":
		if has {
			return bad()
		}
	case "members", "voters", "applied":
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return bad()
		}
		c.N = n
	case "gone":
		if value == "" {
			return bad()
		}
		c.Node = value
	default:
		return bad()
	}
	return c, nil
}
