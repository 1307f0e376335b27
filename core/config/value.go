package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hb/core"
)

// words turns a value as the TOML library gives it into the form a command
// line would have it, or says why it is of the wrong type. From there on a
// file's value and a flag's go the same way.
func (k key) words(value any) (words []string, problem string) {
	switch v := value.(type) {
	case string:
		if k.kind == text || k.kind == period {
			return []string{v}, ""
		}
	case int64:
		if k.kind == number {
			return []string{strconv.FormatInt(v, 10)}, ""
		}
	case bool:
		if k.kind == flag {
			return []string{strconv.FormatBool(v)}, ""
		}
	case []any:
		if k.kind == list {
			return stringsOf(v)
		}
	case map[string]any:
		if k.kind == labels {
			return labelsOf(v)
		}
	}
	return nil, "is " + describe(value)
}

func stringsOf(values []any) (words []string, problem string) {
	words = []string{} // an empty list is said, not unsaid
	for _, v := range values {
		s, ok := v.(string)
		if !ok {
			return nil, "holds " + describe(v)
		}
		words = append(words, s)
	}
	return words, ""
}

func labelsOf(values map[string]any) (words []string, problem string) {
	words = []string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s, ok := values[name].(string)
		if !ok {
			return nil, fmt.Sprintf("%s is %s", name, describe(values[name]))
		}
		if strings.Contains(name, "=") {
			return nil, fmt.Sprintf("%q has a = in its name", name)
		}
		words = append(words, name+"="+s)
	}
	return words, ""
}

// describe names the type of a TOML value for somebody who did not mean it.
func describe(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("text (%.40q)", v)
	case int64:
		return fmt.Sprintf("a number (%d)", v)
	case float64:
		return fmt.Sprintf("a broken number (%v)", v)
	case bool:
		return fmt.Sprintf("%v", v)
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

// put checks words and stores them; the problem is empty when it did.
func (k key) put(c *Config, words []string) (problem string) {
	if single := k.kind != list && k.kind != labels; single && len(words) != 1 {
		return fmt.Sprintf("has %d values", len(words))
	}
	if k.check != nil {
		for _, w := range words {
			if problem := k.check(w); problem != "" {
				return problem
			}
		}
	}
	var err error
	switch at := k.field(c).(type) {
	case *string:
		*at = words[0]
	case *[]string:
		*at = slices.Clone(words)
	case *int:
		*at, err = strconv.Atoi(words[0])
	case *time.Duration:
		*at, err = core.ParseDuration(words[0])
	case *bool:
		*at, err = strconv.ParseBool(words[0])
	case *map[string]string:
		*at = make(map[string]string, len(words))
		for _, w := range words {
			name, value, _ := strings.Cut(w, "=")
			(*at)[name] = value
		}
	default:
		panic(fmt.Sprintf("config: %s has a field of type %T", k.path(), at))
	}
	if err != nil {
		return fmt.Sprintf("%q cannot be read", words[0])
	}
	return ""
}

// Set changes one key ("node.name") as a command line would: one value, or for
// lists any number, or for tags any number of K=V, which replace what was set
// before. The values are checked as those of a file are; the error is a
// *core.Fault with CodeUsage that names the key.
func (c *Config) Set(path string, values ...string) error {
	section, name, _ := strings.Cut(path, ".")
	k, ok := find(section, name)
	if !ok {
		return core.Faultf(core.CodeUsage, "%s: no such key", path)
	}
	if problem := k.put(c, values); problem != "" {
		return core.Faultf(core.CodeUsage, "%s: %s: %s", path, problem, k.want)
	}
	return nil
}

// toml writes the value that c has for k as it would stand in a file.
func (k key) toml(c *Config) string {
	switch at := k.field(c).(type) {
	case *string:
		return quote(*at)
	case *[]string:
		quoted := make([]string, len(*at))
		for i, s := range *at {
			quoted[i] = quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case *int:
		return strconv.Itoa(*at)
	case *time.Duration:
		return quote(shortDuration(*at))
	case *bool:
		return strconv.FormatBool(*at)
	case *map[string]string:
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(*at)) {
			pairs = append(pairs, quote(name)+" = "+quote((*at)[name]))
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	default:
		panic(fmt.Sprintf("config: %s has a field of type %T", k.path(), at))
	}
}

// shortDuration writes 1m0s as 1m.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quote writes a TOML basic string. Go's quoting differs in its escapes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
