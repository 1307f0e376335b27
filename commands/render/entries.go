package render

import (
	"bytes"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// Entries are a list, each under a word, with lines that belong to them. On
// a terminal long lines are broken between words; elsewhere they stay whole.
type Entries struct {
	// Width is the terminal's, or 0 without one; Color paints the words.
	Width int
	Color bool
	text  bytes.Buffer
}

const (
	wordWidth   = 6  // of the word before an entry, with its gap
	detailWidth = 5  // of that before a detail
	leastWidth  = 24 // a text is not broken into narrower lines, if there is room elsewhere
)

// Entry begins an entry; its word is painted by what it means.
func (p *Entries) Entry(word, text string) { p.line(0, wordWidth, word, text, true) }

// Detail adds a line to the entry; an empty text adds none.
func (p *Entries) Detail(word, text string) {
	if text != "" {
		p.line(wordWidth, detailWidth, word, text, false)
	}
}

// Close adds a last line.
func (p *Entries) Close(text string) { p.line(0, 0, "", text, false) }

// Write prints them.
func (p *Entries) Write(w io.Writer) error {
	_, err := w.Write(p.text.Bytes())
	return err
}

func (p *Entries) line(indent, room int, word, text string, painted bool) {
	p.text.WriteString(strings.Repeat(" ", indent))
	gap := strings.Repeat(" ", max(0, room-twwidth.Width(word)))
	if painted && p.Color {
		word = paint(word)
	}
	p.text.WriteString(word + gap)
	for i, part := range broken(Safe(text), p.Width, indent+room) {
		if i > 0 {
			p.text.WriteString("\n" + strings.Repeat(" ", hang(p.Width, indent+room)))
		}
		p.text.WriteString(part)
	}
	p.text.WriteByte('\n')
}

// broken is a text in lines that fit a width, the first behind a margin and the others
// behind what hang says; 0: it is left whole.
func broken(text string, width, margin int) (lines []string) {
	if width == 0 || margin+twwidth.Width(text) <= width {
		return []string{text}
	}
	line, room := "", width-margin
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case twwidth.Width(line)+1+twwidth.Width(word) <= room:
			line += " " + word
		default:
			lines, line, room = append(lines, line), word, width-hang(width, margin)
		}
	}
	return append(lines, line)
}

// hang is how far the further lines of a text are indented whose first has a margin:
// as far, unless that leaves too little.
func hang(width, margin int) int {
	if width-margin >= leastWidth {
		return margin
	}
	return min(margin, 2)
}
