package control

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// snapshot answers with a snapshot as a file (core/wire, snapshot.go).
func (s server) snapshot(w http.ResponseWriter, r *http.Request) {
	stale, err := yesNo(r, "stale")
	if err != nil {
		refuse(w, faultOf(err))
		return
	}
	v, err := one[node.SnapshotView](r.Context(), s, node.GetSnapshot{Stale: stale})
	if err != nil {
		refuse(w, faultOf(err))
		return
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/octet-stream"}
	header["Content-Length"] = []string{strconv.FormatInt(wire.SnapshotSize(v.Meta, v.Ledger), 10)}
	w.WriteHeader(http.StatusOK)
	_ = wire.WriteSnapshot(w, v.Meta, v.Ledger) // whoever went away does not want it
}

// Snapshot gives the log's meaning as a file: all that was agreed when asked, or
// with stale what the node itself has applied.
func (c *Client) Snapshot(ctx context.Context, stale bool) ([]byte, error) {
	path := "/v1/snapshot"
	if stale {
		path += "?stale=true"
	}
	return c.file(ctx, path)
}

// Metrics gives the node's figures, in Prometheus' text.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) { return c.file(ctx, "/metrics") }

// file gets what is no JSON, whole.
func (c *Client) file(ctx context.Context, path string) ([]byte, error) {
	resp, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if want := resp.ContentLength; want >= 0 && int64(len(b)) != want {
		return nil, core.Faultf(core.CodeIO, "%s broke off after %d of %d bytes", path, len(b), want)
	}
	return b, nil
}
