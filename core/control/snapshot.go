package control

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"go.etcd.io/raft/v3/raftpb"

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
	parts, length := wire.EncodeSnapshot(&raftpb.Snapshot{Metadata: v.Meta, Data: v.Ledger.Encode()}), 0
	for _, part := range parts {
		length += len(part)
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/octet-stream"}
	header["Content-Length"] = []string{strconv.Itoa(length)}
	w.WriteHeader(http.StatusOK)
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return // whoever went away does not want it
		}
	}
}

// Snapshot gives the log's meaning as a file: all that was agreed when asked, or
// with stale what the node itself has applied.
func (c *Client) Snapshot(ctx context.Context, stale bool) ([]byte, error) {
	path := "/v1/snapshot"
	if stale {
		path += "?stale=true"
	}
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
		return nil, core.Faultf(core.CodeIO, "the snapshot broke off after %d of %d bytes", len(b), want)
	}
	return b, nil
}
