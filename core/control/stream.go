package control

import (
	"encoding/json"
	"net/http"
	"slices"

	"hb/core"
	"hb/core/node"
	"hb/core/wire"
)

// streamer prepares a stream: what to ask, and how each reply becomes a line.
// A nil line is left out.
type streamer func(r *http.Request) (node.Request, func(body any) any, error)

// stream makes the handler of a stream. It breaks the connection when the
// replies end without the Last one, because an orderly end would say "this is
// all".
func (s server) stream(prepare streamer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ask, line, err := prepare(r)
		if err != nil {
			refuse(w, faultOf(err))
			return
		}
		out := lines{w: w, control: http.NewResponseController(w), line: line}
		replies := s.backend.Ask(r.Context(), ask)
		for {
			select {
			case reply, ok := <-replies:
				if !ok {
					panic(http.ErrAbortHandler)
				}
				if !out.write(reply, len(replies) == 0) {
					return
				}
			case <-r.Context().Done():
				return
			}
		}
	}
}

// lines writes replies as JSON lines.
type lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
	line    func(body any) any
	begun   bool
}

// write says whether to go on. flush is false while more replies are at hand:
// no line waits for the node, but those that came together leave together.
func (l *lines) write(reply node.Reply, flush bool) bool {
	if fault, is := reply.Body.(*core.Fault); is {
		if !l.begun {
			refuse(l.w, fault)
		} else {
			l.w.Write(encodeFault(fault))
		}
		return false
	}
	l.begin()
	if reply.Body != nil {
		if v := l.line(reply.Body); v != nil {
			b, err := json.Marshal(v)
			if err != nil {
				b = encodeFault(faultOf(err))
			} else {
				b = append(b, '\n')
			}
			if _, err := l.w.Write(b); err != nil {
				return false
			}
		}
	}
	if reply.Last {
		return false
	}
	return !flush || l.control.Flush() == nil
}

func (l *lines) begin() {
	if l.begun {
		return
	}
	l.begun = true
	l.w.Header()["Content-Type"] = []string{"application/jsonl"}
	l.w.WriteHeader(http.StatusOK)
}

// output streams what a task wrote. Pieces are numbered by where they stand in
// the output of their attempt; ?from=N leaves out the first N bytes of all.
func (s server) output(r *http.Request) (node.Request, func(any) any, error) {
	id, err := pathTask(r)
	if err != nil {
		return nil, nil, err
	}
	follow, err := yesNo(r, "follow")
	if err != nil {
		return nil, nil, err
	}
	skip, _, err := count(r, "from")
	if err != nil {
		return nil, nil, err
	}
	attempt, offset := uint32(0), uint64(0)
	line := func(body any) any {
		switch v := body.(type) {
		case node.Output:
			if v.Attempt != attempt {
				attempt, offset = v.Attempt, 0
			}
			gap := max(v.At, offset) - offset
			at := offset + gap
			offset = at + uint64(len(v.Data))
			skip -= min(skip, gap)
			cut := min(skip, uint64(len(v.Data)))
			skip -= cut
			if v.Data = v.Data[cut:]; len(v.Data) == 0 {
				return nil
			}
			return outputOf(v, at+cut, gap)
		case *wire.Task:
			return Output{Schema: "hb.output/1", Task: taskOf(v, s.names(r.Context()), nil)}
		}
		return nil
	}
	return node.FollowOutput{Task: id, Follow: follow}, line, nil
}

func (s server) events(r *http.Request) (node.Request, func(any) any, error) {
	follow, err := yesNo(r, "follow")
	if err != nil {
		return nil, nil, err
	}
	since, given, err := count(r, "since")
	if err != nil {
		return nil, nil, err
	}
	kinds, subjects := r.URL.Query()["kind"], r.URL.Query()["subject"]
	among := func(words []string, word string) bool { return len(words) == 0 || slices.Contains(words, word) }
	line := func(body any) any {
		if v, is := body.(node.Record); is && (v.Kind == "gap" || among(kinds, v.Kind) && among(subjects, v.Subject)) {
			return eventOf(v)
		}
		return nil
	}
	return node.FollowEvents{Since: since, FromNow: !given, Follow: follow}, line, nil
}

func (s server) log(r *http.Request) (node.Request, func(any) any, error) {
	follow, err := yesNo(r, "follow")
	if err != nil {
		return nil, nil, err
	}
	from, _, err := count(r, "from")
	if err != nil {
		return nil, nil, err
	}
	who := s.names(r.Context())
	line := func(body any) any {
		if v, is := body.(node.LogRecord); is {
			return entryOf(v, who)
		}
		return nil
	}
	return node.FollowLog{From: from, Follow: follow}, line, nil
}
