package control

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"hb/core"
)

// Output hands every piece of a task's output to each, in order and once, and
// gives the task at the end. With follow that is when it has ended.
func (c *Client) Output(ctx context.Context, id string, follow bool, each func(*Output) error) (*Task, error) {
	path := taskPath(id, "/output?follow="+strconv.FormatBool(follow))
	seen := map[uint32]uint64{}
	var task *Task
	err := follower{client: c, path: func() string { return path }}.run(ctx, func(line []byte) error {
		var piece Output
		if err := json.Unmarshal(line, &piece); err != nil {
			return err
		}
		if piece.Task != nil {
			task = piece.Task
			return nil
		}
		// After a reconnection the output begins anew.
		if done := seen[piece.Attempt]; piece.Offset < done {
			piece.Data = piece.Data[min(done-piece.Offset, uint64(len(piece.Data))):]
			piece.Offset = done
		}
		if len(piece.Data) == 0 {
			return nil
		}
		seen[piece.Attempt] = piece.Offset + uint64(len(piece.Data))
		return each(&piece)
	})
	if err == nil && task == nil {
		err = core.Faultf(core.CodeInternal, "the node ended the output of task %s without its result", id)
	}
	return task, err
}

// EventQuery says which events are wanted: those after a cursor (empty: from now
// on), of these kinds and about these subjects (none: any; a gap is told to all).
// Without Follow that is what the node has.
type EventQuery struct {
	Since           string
	After           Place // what has been heard before, besides
	Follow          bool
	Kinds, Subjects []string
}

func (q EventQuery) words() url.Values {
	words := url.Values{"follow": {strconv.FormatBool(q.Follow)}}
	if q.Since != "" {
		words.Set("since", q.Since)
	}
	if len(q.Kinds) > 0 {
		words["kind"] = q.Kinds
	}
	if len(q.Subjects) > 0 {
		words["subject"] = q.Subjects
	}
	return words
}

// Log hands every entry from an index on to each; 0 is the oldest there is.
// Without follow it ends with what the node has.
func (c *Client) Log(ctx context.Context, from uint64, follow bool, each func(*Entry) error) error {
	path := func() string {
		return "/v1/log?follow=" + strconv.FormatBool(follow) + "&from=" + strconv.FormatUint(from, 10)
	}
	return follower{client: c, path: path}.run(ctx, func(line []byte) error {
		var entry Entry
		if err := json.Unmarshal(line, &entry); err != nil {
			return err
		}
		index, err := strconv.ParseUint(entry.Index, 10, 64)
		if err != nil {
			return err
		}
		from = index + 1
		return each(&entry)
	})
}

// follower reads a stream to its end, over restarts of the node; path says
// where to go on.
type follower struct {
	client *Client
	path   func() string
	method string // empty: GET
	body   []byte
}

// run hands each line on. It ends when the stream does, when each gives an
// error (which it returns), or when the node is away for good.
func (f follower) run(ctx context.Context, each func(line []byte) error) error {
	for away := false; ; {
		begun, err := f.once(ctx, each)
		away = away || begun || f.client.away(err)
		if err == nil || !away || f.client.NoReconnect || !passing(err) {
			return err
		}
		if !pause(ctx) {
			return ended(ctx)
		}
	}
}

// once reads one connection's worth; begun says whether the node answered.
func (f follower) once(ctx context.Context, each func(line []byte) error) (begun bool, err error) {
	resp, err := f.client.do(ctx, cmp.Or(f.method, http.MethodGet), f.path(), f.body)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	r := bufio.NewReaderSize(resp.Body, 32<<10)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return true, nil
		}
		if err != nil {
			return true, f.client.broken(ctx, err)
		}
		if fault := decodeFault(line); fault != nil {
			return true, fault
		}
		if err := each(line); err != nil {
			return true, err
		}
	}
}
