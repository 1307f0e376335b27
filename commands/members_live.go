package commands

import (
	"context"
	"time"

	"hb/commands/render"
	"hb/core/control"
)

// membersView is `hb members --watch` on a terminal: the same table, in place.
type membersView struct {
	c        *call
	at       time.Time
	list     *control.Members
	selected int
	gone     error
}

func (v *membersView) look(ctx context.Context, client *control.Client) (func(), error) {
	list, err := readMembers(ctx, v.c, client)
	if err != nil {
		return nil, err
	}
	pickMembers(v.c, list)
	return func() { v.list, v.at = list, time.Now() }, nil
}

func (v *membersView) away(err error) { v.gone = err }

func (v *membersView) page() *render.Page {
	head := []render.Item{
		{Label: "cluster", Value: orEmpty(v.list.Cluster.Name)},
		{Value: plural(len(v.list.Members), "member")},
		{Value: v.at.Format(time.TimeOnly)},
	}
	if v.gone != nil {
		head = append(head, render.Item{Value: "no answer any more: what follows is old"})
	}
	p := &render.Page{
		Head: [][]render.Item{head}, Table: membersTable(v.c, v.list), Selected: v.selected - 1,
		Foot: "q leave  j k move",
	}
	if lines := doubts(v.list); len(lines) > 0 {
		p.Tail = append([]string{"WHY"}, lines...)
	}
	return p
}

func (v *membersView) press(k key) { v.selected = moved(k, v.selected-1, len(v.list.Members)) + 1 }
