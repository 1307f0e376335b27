package control

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"unicode"

	"hb/core"
	"hb/core/node"
)

// Tags is the shape hb.tags/1: the tags of the node that was asked.
type Tags struct {
	Schema string            `json:"schema"`
	Tags   map[string]string `json:"tags"`
}

// tagsBody is what POST /v1/tags takes.
type tagsBody struct {
	Set  map[string]string `json:"set"`
	Drop []string          `json:"drop"`
}

func (s server) tags(r *http.Request) (any, error) {
	var want tagsBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	for k, v := range want.Set {
		if k == "" || strings.ContainsAny(k, "=!, \t") || strings.ContainsFunc(k+v, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return nil, core.Faultf(core.CodeUsage, "%q=%q is no tag: a name of letters, digits, . _ - and what can be printed is meant", k, v)
		}
	}
	v, err := one[node.TagsView](r.Context(), s, node.SetTags{Set: want.Set, Drop: want.Drop})
	tags := map[string]string{}
	maps.Copy(tags, v.Tags)
	return Tags{Schema: "hb.tags/1", Tags: tags}, err
}

// SetTags changes the tags of the node itself, for good.
func (c *Client) SetTags(ctx context.Context, set map[string]string, drop []string) (*Tags, error) {
	body := tagsBody{Set: set, Drop: drop}
	return persist(ctx, c, func() (*Tags, error) { return post[Tags](ctx, c, "/v1/tags", body) })
}
