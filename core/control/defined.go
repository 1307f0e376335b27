package control

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// Definitions is the shape hb.definitions/1: what may be run by name, and where.
type Definitions struct {
	Schema string       `json:"schema"`
	Tasks  []Definition `json:"tasks"` // by name, and then by digest
	// Free are the members that run any command.
	Free []string `json:"free"`
	// Unable is what members would run, if something were not in the way.
	Unable []Unable `json:"unable"`
}

// Unable is what one member would run, if something were not in the way.
type Unable struct {
	Member string   `json:"member"`
	Free   bool     `json:"free"`  // any command
	Tasks  []string `json:"tasks"` // by name
	Why    string   `json:"why"`   // behind the member's name, like: has no user hb
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
	out := Definitions{Schema: "hb.definitions/1", Tasks: []Definition{}, Free: []string{}, Unable: []Unable{}}
	for i := range view.Members {
		m := &view.Members[i]
		if m.Status == core.Left {
			continue
		}
		if m.Offer == nil || m.Offer.Free {
			out.Free = append(out.Free, m.Name)
		}
		out.Unable = append(out.Unable, unableOf(m.Name, m.Offer.GetUnable())...)
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

func unableOf(member string, list []*wire.Unable) []Unable {
	out := []Unable{}
	for _, u := range list {
		out = append(out, Unable{Member: member, Free: u.Free, Tasks: append([]string{}, u.Tasks...), Why: u.Why})
	}
	return out
}

// Has says whether any member defines a task of that name, even if it cannot run it.
func (d *Definitions) Has(name string) bool {
	return slices.ContainsFunc(d.Tasks, func(t Definition) bool { return t.Name == name }) ||
		slices.ContainsFunc(d.Unable, func(u Unable) bool { return slices.Contains(u.Tasks, name) })
}

// Text says what the member cannot run, and why.
func (u Unable) Text() string {
	words := u.Tasks
	if u.Free {
		words = append([]string{"any command"}, words...)
	}
	return fmt.Sprintf("%s %s, and so cannot run %s", u.Member, u.Why, strings.Join(words, ", "))
}

// Defined lists what may be run by name, and where.
func (c *Client) Defined(ctx context.Context) (*Definitions, error) {
	return get[Definitions](ctx, c, "/v1/tasks/defined")
}
