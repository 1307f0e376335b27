package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"hb/core"
)

// retryPause is how long a client waits before it asks a node again that was
// there and is not.
const retryPause = 200 * time.Millisecond

// Client asks a node over the first of its sockets that answers. Its methods
// give a *core.Fault: CodeNoNode when nobody is there, CodeTimeout when the
// context's deadline passes first, or what the node said. A cancelled context
// gives context.Canceled.
type Client struct {
	sockets []string
	kept    chan *link  // the connection for the next request, if there is one
	met     atomic.Bool // a node has answered
	// Dialed, if it is set, is shown each connection when it is made.
	Dialed func(net.Conn)
	// NoReconnect makes streams and waits end when the node does; else they go
	// on when it is back.
	NoReconnect bool
	// Starting, if it is set, says how a node is started here, for the hint when
	// none answers.
	Starting func() string
}

// NewClient makes a client for the sockets, tried in this order. It connects
// when it is first asked something.
func NewClient(sockets ...string) *Client {
	return &Client{sockets: sockets, kept: make(chan *link, 1)}
}

// lost is the fault of a node that went away before it had answered.
type lost struct{ *core.Fault }

// Unwrap shows the fault.
func (l lost) Unwrap() error { return l.Fault }

// Members lists the members.
func (c *Client) Members(ctx context.Context) (*Members, error) {
	return get[Members](ctx, c, "/v1/members")
}

// Agreed lists them, too; what was agreed on is no older than the question.
func (c *Client) Agreed(ctx context.Context) (*Members, error) {
	return get[Members](ctx, c, "/v1/members?agreed=true")
}

// Status describes the node itself.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return get[Status](ctx, c, "/v1/status")
}

// Leader tells who leads, confirmed by a quorum unless stale.
func (c *Client) Leader(ctx context.Context, stale bool) (*Leader, error) {
	if stale {
		return get[Leader](ctx, c, "/v1/leader?stale=true")
	}
	return get[Leader](ctx, c, "/v1/leader")
}

// Transfer hands leadership to a member by name or ID, or to whoever is best.
func (c *Client) Transfer(ctx context.Context, to string) (*Leader, error) {
	return post[Leader](ctx, c, "/v1/leader/transfer", transferBody{to})
}

// Tasks lists the tasks that the node knows.
func (c *Client) Tasks(ctx context.Context) (*Tasks, error) {
	return get[Tasks](ctx, c, "/v1/tasks")
}

// TaskPage lists the tasks of a query, as many as are there at once; Next of the
// page is the After of the query for those that follow.
func (c *Client) TaskPage(ctx context.Context, q TaskQuery) (*Tasks, error) {
	return get[Tasks](ctx, c, "/v1/tasks?"+q.words().Encode())
}

// Task gives one task.
func (c *Client) Task(ctx context.Context, id string) (*Task, error) {
	return get[Task](ctx, c, taskPath(id, ""))
}

// WaitTask gives a task when it has ended.
func (c *Client) WaitTask(ctx context.Context, id string) (*Task, error) {
	return persist(ctx, c, func() (*Task, error) { return get[Task](ctx, c, taskPath(id, "/wait")) })
}

// Cancel asks for the end of a task.
func (c *Client) Cancel(ctx context.Context, id string) (*Task, error) {
	return post[Task](ctx, c, taskPath(id, "/cancel"), nil)
}

// Submit makes a task durable. Its ID is minted here, so that asking again
// after a lost answer cannot make a second one.
func (c *Client) Submit(ctx context.Context, s Spec) (*Submitted, error) {
	if s.Task == nil {
		s.Task = known(MintTask().String(), true)
	}
	got, err := persist(ctx, c, func() (*Submitted, error) { return post[Submitted](ctx, c, "/v1/tasks", s) })
	if isLost(err) || isCode(err, core.CodeTimeout) {
		var f *core.Fault
		errors.As(err, &f)
		return nil, core.Faultf(f.Code, "%s; the task may be in the log or not", f.Message).WithHint("hb task show %s", *s.Task)
	}
	return got, err
}

// Append puts an entry of one's own into the log.
func (c *Client) Append(ctx context.Context, entry []byte) (*Appended, error) {
	return call[Appended](ctx, c, http.MethodPost, "/v1/log", entry)
}

// Leave makes the node leave its cluster and end.
func (c *Client) Leave(ctx context.Context) error {
	_, err := post[empty](ctx, c, "/v1/leave", nil)
	return err
}

// Wait returns when all conditions hold at once. It also waits for the node:
// only when none has answered by the deadline does it say so.
func (c *Client) Wait(ctx context.Context, conditions []string) error {
	path := "/v1/wait?" + url.Values{"for": conditions}.Encode()
	for away := false; ; {
		_, err := get[empty](ctx, c, path)
		away = away || c.away(err)
		if err == nil || !isCode(err, core.CodeNoNode) {
			return err
		}
		if pause(ctx) {
			continue
		}
		if away {
			return ended(ctx)
		}
		return err
	}
}

func taskPath(id, rest string) string { return "/v1/tasks/" + url.PathEscape(id) + rest }

func get[T any](ctx context.Context, c *Client, path string) (*T, error) {
	return call[T](ctx, c, http.MethodGet, path, nil)
}

func post[T any](ctx context.Context, c *Client, path string, body any) (*T, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, core.Faultf(core.CodeInternal, "%v", err)
	}
	if body == nil {
		b = []byte{}
	}
	return call[T](ctx, c, http.MethodPost, path, b)
}

// call makes one request and reads its one answer.
func call[T any](ctx context.Context, c *Client, method, path string, body []byte) (*T, error) {
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	out := new(T)
	if err := json.Unmarshal(b, out); err != nil {
		return nil, core.Faultf(core.CodeInternal, "the node's answer is not what this version understands: %v", err)
	}
	return out, nil
}

// do sends a request and gives the response when it is a good one.
func (c *Client) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, core.Faultf(core.CodeInternal, "%q is no path of a request", path)
	}
	resp, err := c.exchange(ctx, method, path, body)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	c.met.Store(true)
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	switch f := decodeFault(b); {
	case f == nil:
	case f.Code == core.CodeNoNode: // it is about to go away
		return nil, lost{f}
	default:
		return nil, f
	}
	return nil, core.Faultf(core.CodeInternal, "the node answered HTTP %s", resp.Status)
}

// broken says why a request came to nothing.
func (c *Client) broken(ctx context.Context, err error) error {
	var u *unreached
	switch {
	case errors.As(err, &u):
		return c.noNode(u)
	case ctx.Err() != nil:
		return ended(ctx)
	}
	return lost{core.Faultf(core.CodeNoNode, "the node went away before it had answered: %v", err)}
}

// ended is the error of a context that is over.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return core.Faultf(core.CodeTimeout, "no answer in time").
			WithHint("a node that does not answer at all hangs or is overloaded; --timeout gives it longer")
	}
	return ctx.Err()
}

// isLost says whether a node took the request and went away.
func isLost(err error) bool {
	var l lost
	return errors.As(err, &l)
}

// isCode says whether an error is a fault of one of the codes.
func isCode(err error, codes ...core.Code) bool {
	var f *core.Fault
	return errors.As(err, &f) && slices.Contains(codes, f.Code)
}

// persist repeats a harmless request for as long as the node that had taken it
// is away.
func persist[T any](ctx context.Context, c *Client, request func() (*T, error)) (*T, error) {
	v, err := request()
	for away := false; err != nil && !c.NoReconnect; {
		away = away || c.away(err)
		if !away || !passing(err) {
			break
		}
		if !pause(ctx) {
			return nil, ended(ctx)
		}
		v, err = request()
	}
	return v, err
}

// away says whether an error means that a node was there and is not.
func (c *Client) away(err error) bool {
	return isLost(err) || c.met.Load() && isCode(err, core.CodeNoNode)
}

// passing says whether an error may be over soon, once a node was there.
func passing(err error) bool {
	return isCode(err, core.CodeNoNode, core.CodeBusy, core.CodeNoQuorum)
}

// pause lets a moment pass; false when the context ended first.
func pause(ctx context.Context) bool {
	t := time.NewTimer(retryPause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
