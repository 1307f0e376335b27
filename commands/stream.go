package commands

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"hb/core"
	"hb/core/control"
)

// streamFlags are those of every command that goes on by itself.
func streamFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "count", Usage: "end after `N` records"},
		&cli.DurationFlag{Name: "for", Usage: "end after `DURATION`"},
		&cli.BoolFlag{Name: "no-reconnect", Usage: "end when the node does, instead of waiting for it"},
	}
}

// errEnough ends a stream that has given as many records as were asked for.
var errEnough = errors.New("enough")

// stream is one run of a command that goes on by itself.
type stream struct {
	client *control.Client
	left   int // records until the end; negative: no end
	bound  bool
}

// newStream reads the flags.
func (c *call) newStream() (*stream, error) {
	s := &stream{left: -1}
	if c.IsSet("count") {
		if s.left = c.Int("count"); s.left < 1 {
			return nil, usage("--count %d: a number from 1 on is meant", s.left)
		}
		s.bound = true
	}
	if c.IsSet("for") && c.Duration("for") <= 0 {
		return nil, usage("--for %v: a time from now is meant", c.Duration("for"))
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	client.NoReconnect = c.Bool("no-reconnect")
	s.client = client
	return s, nil
}

// counted is called after each record.
func (s *stream) counted() error {
	if s.left--; s.left == 0 {
		return errEnough
	}
	return nil
}

// run carries the stream out. That --for is over is a good end, unless --count
// asked for more records than came.
func (c *call) runStream(s *stream, follow func(ctx context.Context) error) error {
	waiting, cancel := c.waitContext()
	defer cancel()
	ctx := c.whileRead(waiting)
	bounded := ctx
	if d := c.Duration("for"); d > 0 {
		var stop context.CancelFunc
		bounded, stop = context.WithTimeout(ctx, d)
		defer stop()
	}
	err := follow(bounded)
	switch {
	case errors.Is(err, errEnough):
		return nil
	case errors.Is(context.Cause(ctx), errUnread):
		return exit(128 + int(syscall.SIGPIPE))
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		if s.bound {
			return core.Faultf(core.CodeTimeout, "the time ran out with %d records still to come", s.left)
		}
		return nil
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return core.Faultf(core.CodeTimeout, "the time given with --timeout ran out")
	}
	return err
}

// errUnread ends a stream whose reader has gone away.
var errUnread = errors.New("nobody reads any more")

// whileRead ends with errUnread when nobody reads the output any more. Without it
// only the next record would show that, which may be hours away.
func (c *call) whileRead(ctx context.Context) context.Context {
	f, is := c.App.Writer.(*os.File)
	if !is {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() { // until the process ends, if nothing happens
		fds := []unix.PollFd{{Fd: int32(f.Fd())}}
		for {
			_, err := unix.Poll(fds, -1)
			switch {
			case err == unix.EINTR:
			case err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0:
				cancel(errUnread)
				return
			default:
				return
			}
		}
	}()
	return ctx
}

// watchPause is how often a watched view is looked at.
const watchPause = 500 * time.Millisecond

// watch looks at a view again and again, and shows it whenever it is another.
// look gives what to show as a string to compare, and how to show it.
func (c *call) watch(look func(ctx context.Context, client *control.Client) (string, func() error, error)) error {
	s, err := c.newStream()
	if err != nil {
		return err
	}
	return c.runStream(s, func(ctx context.Context) error {
		shown, met := "", false
		for {
			state, show, err := look(ctx, s.client)
			switch {
			case err != nil && (!met || s.client.NoReconnect || !awayForNow(err)):
				return err
			case err == nil && (!met || state != shown):
				shown, met = state, true
				if err := show(); err != nil {
					return err
				}
				if err := s.counted(); err != nil {
					return err
				}
			}
			select {
			case <-time.After(watchPause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// awayForNow says whether a node that was there may come back.
func awayForNow(err error) bool {
	var f *core.Fault
	return errors.As(err, &f) && (f.Code == core.CodeNoNode || f.Code == core.CodeNoQuorum || f.Code == core.CodeBusy)
}
