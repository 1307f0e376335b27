package control

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"hb/core/node"
)

// Place is how far somebody has heard the events of the log: an entry, and how many
// of its events. A node that is started again tells what its log says once more,
// under new cursors; with the place nobody hears it twice.
type Place struct {
	Index uint64
	Seen  int
}

// memory is a follower's memory.
type memory struct {
	Place
	cursor uint64
	until  Place // what a node that was started again tells once more
	again  int   // of Seen
}

// fresh says whether an event is new, and remembers it.
func (h *memory) fresh(e *Event) (bool, error) {
	cursor, err := strconv.ParseUint(e.Cursor, 10, 64)
	if err != nil {
		return false, fmt.Errorf("an event with the cursor %q: %w", e.Cursor, err)
	}
	if node.StartOf(cursor) != node.StartOf(h.cursor) {
		h.until, h.again = h.Place, 0
	}
	h.cursor = cursor
	if e.Index == nil {
		return true, nil
	}
	index, err := strconv.ParseUint(*e.Index, 10, 64)
	if err != nil {
		return false, fmt.Errorf("an event with the index %q: %w", *e.Index, err)
	}
	if index < h.until.Index {
		return false, nil
	}
	if index == h.until.Index && h.again < h.until.Seen {
		h.again++
		return false, nil
	}
	if index != h.Index {
		h.Place = Place{Index: index}
	}
	h.Seen++
	return true, nil
}

// Events hands every event that is wanted to each, with the place behind it.
func (c *Client) Events(ctx context.Context, q EventQuery, each func(*Event, Place) error) error {
	known := memory{Place: q.After}
	known.cursor, _ = strconv.ParseUint(q.Since, 10, 64)
	path := func() string { return "/v1/events?" + q.words().Encode() }
	return follower{client: c, path: path}.run(ctx, func(line []byte) error {
		var event Event
		if err := json.Unmarshal(line, &event); err != nil {
			return err
		}
		fresh, err := known.fresh(&event)
		if err != nil {
			return err
		}
		q.Since = event.Cursor
		if !fresh {
			return nil
		}
		return each(&event, known.Place)
	})
}
