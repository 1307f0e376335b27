package commands

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"hb/core"
)

// checkValue says in our words what is wrong with the value of a flag.
func checkValue(f cli.Flag, shown, value string) error {
	switch f.(type) {
	case *cli.DurationFlag:
		d, err := core.ParseDuration(value)
		if err != nil {
			return usage("%s %s: a duration is meant, like 10s, 5m, 1h30m, 7d or 2w", shown, value)
		}
		if d < 0 {
			return usage("%s %s: a time from now is meant", shown, value)
		}
	case *cli.IntFlag:
		if _, err := strconv.Atoi(value); err != nil {
			return usage("%s %s: a whole number is meant", shown, value)
		}
	case *cli.UintFlag, *cli.Uint64Flag:
		if _, err := strconv.ParseUint(value, 10, 64); err != nil {
			return usage("%s %s: a number is meant, 0 or more", shown, value)
		}
	case *cli.Float64Flag:
		if n, err := strconv.ParseFloat(value, 64); err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return usage("%s %s: a number is meant, like 0.5 or 30", shown, value)
		}
	}
	return nil
}

// plainValue is the value of a flag in the words that the library reads; it has been
// checked before.
func plainValue(f cli.Flag, value string) string {
	if _, is := f.(*cli.DurationFlag); is {
		d, _ := core.ParseDuration(value)
		return d.String()
	}
	return value
}

// checkChoice refuses words that can never match: an empty list would look as
// if nothing of that kind were there.
func checkChoice(c *call, flag string, known ...string) error {
	for _, word := range c.StringSlice(flag) {
		if slices.Contains(known, word) {
			continue
		}
		fault := usage("--%s %s: there is %s", flag, word, strings.Join(known, ", "))
		if near := nearest(word, known); near != "" {
			return fault.WithHint("did you mean %s?", near)
		}
		return fault
	}
	return nil
}

// checkGiven refuses flags with an empty word: --exclusive "$KEY" without a KEY would
// be as if there were no flag.
func checkGiven(c *call, flags ...string) error {
	for _, flag := range flags {
		if c.IsSet(flag) && c.String(flag) == "" {
			return usage("--%s is given an empty word", flag).WithHint("leave it out if none is meant")
		}
	}
	return nil
}

// checkTags refuses what is no tag.
func checkTags(c *call, flag string) error {
	for _, word := range c.StringSlice(flag) {
		if k, _, is := strings.Cut(word, "="); !is || k == "" {
			return usage("--%s %s: K=V is meant, like disk=big", flag, word)
		}
	}
	return nil
}
