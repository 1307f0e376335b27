package core

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// ParseDuration reads a length of time as people write it: Go's form ("300ms",
// "1h30m"), and days and weeks besides ("7d", "2w", "1d12h"). A day has 24 hours and
// a week seven days, whatever a calendar says of a day on which clocks are set. All
// that takes a duration reads it with this: flags, hb.toml, the environment.
func ParseDuration(text string) (time.Duration, error) {
	rest, negative := text, false
	if rest != "" && strings.ContainsRune("+-", rune(rest[0])) {
		rest, negative = rest[1:], rest[0] == '-'
	}
	if rest == "0" { // the only number that needs no unit
		return 0, nil
	}
	sum := time.Duration(0)
	for first := true; first || rest != ""; first = false {
		number := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		unit := strings.IndexAny(rest[number:], "0123456789.")
		if unit < 0 {
			unit = len(rest) - number
		}
		part, err := partOf(rest[:number], rest[number:number+unit])
		if err != nil || part > math.MaxInt64-sum {
			return 0, fmt.Errorf("%q is no duration", text)
		}
		sum, rest = sum+part, rest[number+unit:]
	}
	if negative {
		sum = -sum
	}
	return sum, nil
}

// partOf is a number of one unit.
func partOf(number, unit string) (time.Duration, error) {
	hours := map[string]time.Duration{"d": 24, "w": 7 * 24}[unit]
	if hours == 0 {
		return time.ParseDuration(number + unit)
	}
	d, err := time.ParseDuration(number + "h")
	if err == nil && d > math.MaxInt64/hours {
		err = fmt.Errorf("too long")
	}
	return d * hours, err
}
