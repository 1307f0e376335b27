package commands

import (
	"strings"
	"unicode/utf8"
)

// wrap breaks the lines of a help text that are wider than a terminal, at spaces: a
// paragraph is filled anew, a list goes on in its second column. What is indented
// otherwise is an example, and stays.
func wrap(text string, width int) string {
	var out, paragraph []string
	flush := func() {
		out = append(out, fill(paragraph, width)...)
		paragraph = nil
	}
	for _, line := range strings.Split(text, "\n") {
		lead := len(line) - len(strings.TrimLeft(line, " "))
		if line != "" && lead == 0 && !strings.HasPrefix(line, "Usage:") {
			paragraph = append(paragraph, line)
			continue
		}
		flush()
		switch {
		case lead == 2:
			lead = secondColumn(line)
		case lead != flagColumn:
			lead = -1
		}
		if lead < 0 || utf8.RuneCountInString(line) <= width {
			out = append(out, line)
			continue
		}
		out = append(out, broken(line, lead, width)...)
	}
	flush()
	return strings.Join(out, "\n")
}

// flagColumn is where the meaning of a flag begins, commandColumn that of a command.
const (
	flagColumn    = 25
	commandColumn = 13
)

// secondColumn is that of a line in a list; -1: it is in none.
func secondColumn(line string) int {
	for _, at := range []int{flagColumn, commandColumn} {
		if len(line) > at && line[at] != ' ' && line[at-1] == ' ' && (at == commandColumn || strings.HasPrefix(line, "  -")) {
			return at
		}
	}
	return -1
}

// fill makes the lines of a paragraph anew if one is too wide.
func fill(lines []string, width int) []string {
	wide := false
	for _, line := range lines {
		wide = wide || utf8.RuneCountInString(line) > width
		if strings.Contains(line, "  ") {
			return lines
		}
	}
	if !wide {
		return lines
	}
	return broken(strings.Join(lines, " "), 0, width)
}

// broken breaks a line at spaces, and indents all but the first of what comes of it.
// A word that does not fit stays whole.
func broken(line string, indent, width int) (lines []string) {
	for utf8.RuneCountInString(line) > width {
		at := -1
		for i, seen := indent, utf8.RuneCountInString(line[:min(indent, len(line))]); i < len(line); {
			_, size := utf8.DecodeRuneInString(line[i:])
			if line[i] == ' ' && i > indent && (seen <= width || at < 0) {
				at = i
			}
			if i, seen = i+size, seen+1; seen > width && at >= 0 {
				break
			}
		}
		if at < 0 {
			break
		}
		lines = append(lines, line[:at])
		line = strings.Repeat(" ", indent) + line[at+1:]
	}
	return append(lines, line)
}
