package control

import (
	"context"
	"net/http"
	"time"

	"hb/core"
	"hb/core/node"
)

// drainBody is what POST /v1/drain and /v1/resume take.
type drainBody struct {
	// Node is a member's name or ID; empty: the one that is asked.
	Node string `json:"node"`
	// Wait keeps the answer back until nothing runs there.
	Wait bool `json:"wait"`
	// KillAfter ends what still runs after so many seconds; null: never.
	KillAfter *float64 `json:"kill_after_seconds"`
}

func (s server) drain(r *http.Request) (any, error)  { return s.drainNode(r, true) }
func (s server) resume(r *http.Request) (any, error) { return s.drainNode(r, false) }

func (s server) drainNode(r *http.Request, on bool) (any, error) {
	var want drainBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	q := node.DrainNode{On: on, Wait: want.Wait, KillAfter: -1}
	if want.KillAfter != nil {
		nanos, fault := nanosOf("to wait", *want.KillAfter)
		if fault != nil {
			return nil, fault
		}
		q.KillAfter = time.Duration(nanos)
	}
	var err error
	if q.Node, err = s.memberOrSelf(r.Context(), want.Node); err != nil {
		return nil, err
	}
	return one[empty](r.Context(), s, q)
}

// memberOrSelf finds a member, or the node itself when none is named.
func (s server) memberOrSelf(ctx context.Context, word string) (core.NodeID, error) {
	if word != "" {
		return s.resolve(ctx, word)
	}
	status, err := one[node.StatusView](ctx, s, node.GetStatus{})
	return status.ID, err
}

// Drain keeps new work from a member (empty: the node that is asked). With wait
// it returns when nothing runs there; what still does after killAfter is ended,
// unless that is negative.
func (c *Client) Drain(ctx context.Context, member string, wait bool, killAfter time.Duration) error {
	body := drainBody{Node: member, Wait: wait, KillAfter: known(killAfter.Seconds(), killAfter >= 0)}
	_, err := persist(ctx, c, func() (*empty, error) { return post[empty](ctx, c, "/v1/drain", body) })
	return err
}

// Resume lets new work come to a member again.
func (c *Client) Resume(ctx context.Context, member string) error {
	_, err := post[empty](ctx, c, "/v1/resume", drainBody{Node: member})
	return err
}

// Explain says how a task would be placed, and submits nothing.
func (c *Client) Explain(ctx context.Context, s Spec) (*Explanation, error) {
	return post[Explanation](ctx, c, "/v1/explain", s)
}

// Retry submits a task that has ended once more, under an ID minted here.
func (c *Client) Retry(ctx context.Context, id string) (*Submitted, error) {
	body := retryBody{Task: MintTask().String()}
	return persist(ctx, c, func() (*Submitted, error) { return post[Submitted](ctx, c, taskPath(id, "/retry"), body) })
}
