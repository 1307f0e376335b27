package control

import (
	"context"
	"strings"
	"testing"

	"hb/core/node"
)

// TestWhatTheLogSaysIsToldOnceOverARestartOfTheNode: a node that starts again tells
// it once more, under cursors of its new start.
func TestWhatTheLogSaysIsToldOnceOverARestartOfTheNode(t *testing.T) {
	record := func(start, cursor, index uint64, detail string) node.Reply {
		return node.Reply{Body: node.Record{Cursor: start<<40 + cursor, Index: index, Detail: detail}}
	}
	asked := 0
	path := serve(t, adminServer(backend(func(r node.Request) []node.Reply {
		if _, is := r.(node.FollowEvents); !is {
			return nil
		}
		asked++
		switch asked {
		case 1: // and the connection breaks
			return []node.Reply{record(1, 1, 7, "a"), record(1, 2, 0, "b"), record(1, 3, 8, "c"), record(1, 4, 8, "d")}
		case 2: // the same start: entry 8 had more
			return []node.Reply{record(1, 5, 8, "e")}
		}
		return []node.Reply{
			record(2, 0, 0, "gap"), record(2, 1, 7, "a"), record(2, 2, 8, "c"), record(2, 3, 8, "d"), record(2, 4, 0, "f"),
			record(2, 5, 8, "e"), record(2, 6, 8, "g"), record(2, 7, 9, "h"), {Last: true},
		}
	})))
	var seen []string
	var at Place
	err := NewClient(path).Events(soon(t), EventQuery{Since: "0", Follow: true}, func(e *Event, p Place) error {
		seen, at = append(seen, e.Detail), p
		return nil
	})
	if got := strings.Join(seen, " "); err != nil || got != "a b c d e gap f g h" || at != (Place{Index: 9, Seen: 1}) {
		t.Errorf("got %q, %+v, %v", got, at, err)
	}

	// A place from a file does the same.
	seen = nil
	q := EventQuery{Since: "1099511627780", After: Place{Index: 8, Seen: 3}} // 1<<40 + 4
	if err := NewClient(path).Events(context.Background(), q, func(e *Event, _ Place) error {
		seen = append(seen, e.Detail)
		return nil
	}); err != nil || strings.Join(seen, " ") != "gap f g h" {
		t.Errorf("got %q, %v", seen, err)
	}
}
