package control

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"hb/core"
	"hb/core/node"
)

// Definitions is the shape hb.definitions/1: what may be run by name, and where.
type Definitions struct {
	Schema string       `json:"schema"`
	Tasks  []Definition `json:"tasks"` // by name, and then by digest
	// Free are the members that run any command.
	Free []string `json:"free"`
}

// Definition is one way in which members define a task. Those who define it
// otherwise are in another one of the same name.
type Definition struct {
	Name    string   `json:"name"`
	Digest  string   `json:"digest"` // of all that their configurations say of it
	Args    bool     `json:"args"`   // it takes arguments
	Once    bool     `json:"once"`   // it is never run a second time
	Members []string `json:"members"`
	// Differs says that others define it otherwise.
	Differs bool `json:"differs"`
}

// defined lists what the members define, as the log has it.
func (s server) defined(r *http.Request) (any, error) {
	view, err := one[node.MembersView](r.Context(), s, node.GetMembers{})
	if err != nil {
		return nil, err
	}
	out := Definitions{Schema: "hb.definitions/1", Tasks: []Definition{}, Free: []string{}}
	for i := range view.Members {
		m := &view.Members[i]
		if m.Status == core.Left {
			continue
		}
		if m.Offer == nil || m.Offer.Free {
			out.Free = append(out.Free, m.Name)
		}
		for _, d := range m.Offer.GetTasks() {
			want := Definition{Name: d.Name, Digest: fmt.Sprintf("%016x", d.Digest), Args: d.Args, Once: d.Once}
			at, found := slices.BinarySearchFunc(out.Tasks, want, func(a, b Definition) int {
				return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Digest, b.Digest))
			})
			if !found {
				out.Tasks = slices.Insert(out.Tasks, at, want)
			}
			out.Tasks[at].Members = append(out.Tasks[at].Members, m.Name)
		}
	}
	for i := range out.Tasks {
		same := func(j int) bool { return j >= 0 && j < len(out.Tasks) && out.Tasks[j].Name == out.Tasks[i].Name }
		out.Tasks[i].Differs = same(i-1) || same(i+1)
	}
	return out, nil
}

// Defined lists what may be run by name, and where.
func (c *Client) Defined(ctx context.Context) (*Definitions, error) {
	return get[Definitions](ctx, c, "/v1/tasks/defined")
}
