package control

import (
	"context"
	"strings"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// onLeader is the placement that follows leadership.
const onLeader = "@leader"

// placeable refuses a task that no member, alive or down, may ever run: it
// would wait for ever. One whose members are all down is taken, and waits.
func (s server) placeable(ctx context.Context, spec *wire.Spec) error {
	if spec.On != "" && spec.On != onLeader {
		if _, err := s.resolve(ctx, spec.On); err != nil {
			return err
		}
	}
	if len(spec.Where) == 0 {
		return nil
	}
	view, err := one[node.MembersView](ctx, s, node.GetMembers{})
	if err != nil {
		return err
	}
	for i := range view.Members {
		m := &view.Members[i]
		here := spec.On == "" || spec.On == onLeader || spec.On == m.Name || spec.On == m.ID.String()
		if here && m.Status != core.Left && fits(m.Tags, spec.Where) {
			return nil
		}
	}
	return core.Faultf(core.CodeDenied, "no member may run it: none is where %s", strings.Join(spec.Where, " ")).
		WithHint("a tag is given by hb tag disk=big on that member, or in [node] of hb.toml, like tags = {disk = \"big\"}")
}

// fits says whether a member's tags meet every condition; one without the tag
// has the empty value.
func fits(tags map[string]string, where []string) bool {
	for _, w := range where {
		tag, value, _ := strings.Cut(w, "=")
		tag, differs := strings.CutSuffix(tag, "!")
		if (tags[tag] == value) == differs {
			return false
		}
	}
	return true
}
