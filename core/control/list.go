package control

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"hb/core"
	"hb/core/ledger"
)

// TaskQuery says which tasks a list is to have; the zero value is all of them.
type TaskQuery struct {
	Status []string
	Name   string
	Node   string // a member's name or ID
	Since  time.Time
	// After is where the list goes on; empty: it begins.
	After string
	// Newest, if not zero, is how many, of those submitted last.
	Newest int
}

// The first page is small, so that something is there at once.
const (
	firstPage = 100
	nextPage  = 2000
)

func (q TaskQuery) words() url.Values {
	words := url.Values{}
	switch {
	case q.Newest > 0:
		words.Set("limit", strconv.Itoa(q.Newest))
		words.Set("newest", "true")
	case q.After != "":
		words.Set("limit", strconv.Itoa(nextPage))
		words.Set("after", q.After)
	default:
		words.Set("limit", strconv.Itoa(firstPage))
	}
	for _, s := range q.Status {
		words.Add("status", s)
	}
	if q.Name != "" {
		words.Set("name", q.Name)
	}
	if q.Node != "" {
		words.Set("node", q.Node)
	}
	if !q.Since.IsZero() {
		words.Set("since", q.Since.Format(time.RFC3339Nano))
	}
	return words
}

// taskQuery reads the parameters of GET /v1/tasks.
func (s server) taskQuery(r *http.Request) (q ledger.Query, err error) {
	words := r.URL.Query()
	q.Status, q.Name = words["status"], words.Get("name")
	limit, _, err := count(r, "limit")
	if err != nil {
		return q, err
	}
	q.Limit = int(min(limit, ledger.MaxOpen+ledger.KeepRecords))
	if q.Newest, err = yesNo(r, "newest"); err != nil {
		return q, err
	}
	if who := words.Get("node"); who != "" {
		if q.Node, err = s.resolve(r.Context(), who); err != nil {
			return q, err
		}
	}
	if since := words.Get("since"); since != "" {
		at, err := time.Parse(time.RFC3339Nano, since)
		if err != nil {
			return q, core.Faultf(core.CodeUsage, "since=%s: a time like 2026-03-01T12:00:00Z is meant", since)
		}
		q.Since = at.UnixNano()
	}
	if after := words.Get("after"); after != "" {
		if n, err := fmt.Sscanf(after, "%d-%d", &q.After.Order, &q.After.Cause); n != 2 || err != nil {
			return q, core.Faultf(core.CodeUsage, "after=%s: what \"next\" of the page before says is meant", after)
		}
	}
	return q, nil
}

func cursorWord(c ledger.Cursor) string { return fmt.Sprintf("%d-%d", c.Order, c.Cause) }
