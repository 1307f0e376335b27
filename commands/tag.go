package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core/config"
	"hb/core/control"
)

func tagCommand() *cli.Command {
	return &cli.Command{
		Name:      "tag",
		Usage:     "change the tags of this node, or show them",
		ArgsUsage: "[K=V|K-...]",
		Description: `Gives the node behind the socket the tags K=V, takes the tags K- away, and prints
what it has then, one a line; without arguments only that. It returns when the log
has them: from then on tasks are placed by them (hb submit --where disk=big).

They last, over restarts, and go before those of hb.toml and of --tag; a K- hides
one of those. K=V with the value that the node is started with goes back to that.

    hb tag disk=big old-`,
		Action: plainWords(-1, runTag),
	}
}

func runTag(c *call) error {
	set, drop := map[string]string{}, []string{}
	for _, word := range c.words {
		if k, is := strings.CutSuffix(word, "-"); is && !strings.Contains(word, "=") {
			if k == "" {
				return usage("%q: K=V or K- is meant, like disk=big", word)
			}
			drop = append(drop, k)
			continue
		}
		if problem := config.CheckTag(word); problem != "" {
			return usage("%s: K=V or K- is meant, like disk=big", problem)
		}
		k, v, _ := strings.Cut(word, "=")
		if old, twice := set[k]; twice && old != v {
			return usage("%s is given two values: %q and %q", k, old, v)
		}
		set[k] = v
	}
	for _, k := range drop {
		if _, both := set[k]; both {
			return usage("%s is given a value and taken away", k)
		}
	}
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	tags := &control.Tags{Schema: "hb.tags/1"}
	if len(c.words) > 0 {
		tags, err = client.SetTags(ctx, set, drop)
	} else {
		var list *control.Members
		if list, err = client.Members(ctx); err == nil {
			self := slices.IndexFunc(list.Members, func(m control.Member) bool { return m.Self })
			tags.Tags = list.Members[self].Tags
		}
	}
	if err != nil {
		return err
	}
	if c.isJSON() {
		return render.JSON(c.stdout, tags)
	}
	for _, k := range keys(tags.Tags) {
		if _, err := fmt.Fprintln(c.stdout, render.Safe(k+"="+tags.Tags[k])); err != nil {
			return err
		}
	}
	return nil
}
