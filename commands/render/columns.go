package render

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// columns is how many columns of a terminal a text takes that holds no escapes:
// two for each character of East Asia, none for a combining mark. Characters whose
// width is said to depend on the reader's language take one, as today's terminals
// have it.
func columns(text string) int { return displaywidth.String(text) }

// cut shortens a text to so many columns; it ends in an ellipsis then.
func cut(text string, width int) string { return displaywidth.TruncateString(text, width, "…") }

// padded is a text with spaces up to a width, of which a painted one takes no more
// than the bare one.
func padded(painted, bare string, width int) string {
	return painted + strings.Repeat(" ", max(0, width-columns(bare)))
}
