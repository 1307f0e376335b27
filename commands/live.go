package commands

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

// liveView is something that a person watches on a terminal. Its methods, but for
// look, are called one at a time.
type liveView interface {
	// look asks the node, and gives how to take the answer up.
	look(ctx context.Context, client *control.Client) (take func(), err error)
	// away tells it why there is no answer, nil: there is one again.
	away(err error)
	// page is what there is to see.
	page() *render.Page
	// press is a key that the screen itself has no use for.
	press(k key)
}

// live shows a view until the user has seen enough: on a terminal in place,
// elsewhere as one page, or with --count or --for as one after the other. It goes
// on when the node goes away and comes back.
func (c *call) live(v liveView, every time.Duration) error {
	s, err := c.newStream()
	if err != nil {
		return err
	}
	return c.runStream(s, func(ctx context.Context) error {
		take, err := v.look(ctx, s.client)
		if err != nil {
			return err
		}
		take()
		if out, is := c.terminal(); is && c.form == "table" && !c.quiet {
			return c.liveScreen(ctx, s, v, every, out)
		}
		if !s.bound && c.Duration("for") == 0 && c.width() == 0 {
			s.left = 1
		}
		return c.livePages(ctx, s, v, every)
	})
}

// liveScreen draws in place.
func (c *call) liveScreen(ctx context.Context, s *stream, v liveView, every time.Duration, out *os.File) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	scr := openScreen(c, out)
	defer scr.close()
	news := make(chan looked)
	go func() {
		defer scr.guard()
		lookAgain(ctx, s, v, every, news)
	}()
	for {
		width, height := scr.look()
		lines, err := v.page().Lines(width, height, c.color())
		if err == nil {
			err = scr.draw(cutsFor(lines))
		}
		if err != nil {
			return err
		}
		select {
		case n := <-news:
			if err := c.taken(s, v, n); err != nil {
				return err
			}
		case k := <-scr.keys:
			switch k {
			case 'q', 'Q', ctrlC:
				return nil
			case ctrlZ:
				scr.suspend()
			case ctrlL:
				scr.shown = nil
			default:
				v.press(k)
			}
		case <-scr.changed:
			scr.shown = nil
		case sig := <-scr.ends:
			return exit(128 + int(sig.(syscall.Signal)))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// livePages prints page after page.
func (c *call) livePages(ctx context.Context, s *stream, v liveView, every time.Duration) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	news := make(chan looked)
	go lookAgain(ctx, s, v, every, news)
	for first := true; ; first = false {
		if !first && c.form == "table" {
			if _, err := io.WriteString(c.stdout, "\n"); err != nil {
				return err
			}
		}
		if err := c.showPage(v); err != nil {
			return err
		}
		if s.left == 1 {
			return errEnough
		}
		select {
		case n := <-news:
			if err := c.taken(s, v, n); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// showPage prints what there is to see now.
func (c *call) showPage(v liveView) error {
	if d, is := v.(interface{ doc() any }); is && c.isJSON() {
		return render.JSON(c.stdout, d.doc())
	}
	lines, err := v.page().Lines(c.width(), 0, c.color())
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.stdout, strings.Join(lines, "\n")+"\n")
	return err
}

// looked is one answer, or why there is none.
type looked struct {
	take func()
	err  error
}

// lookAgain asks the node again and again.
func lookAgain(ctx context.Context, s *stream, v liveView, every time.Duration, news chan<- looked) {
	for {
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return
		}
		once, cancel := context.WithTimeout(ctx, answerTime)
		take, err := v.look(once, s.client)
		cancel()
		select {
		case news <- looked{take, err}:
		case <-ctx.Done():
			return
		}
	}
}

// taken hands an answer to the view; an error is one that ends it.
func (c *call) taken(s *stream, v liveView, n looked) error {
	switch {
	case n.err == nil:
		n.take()
		v.away(nil)
		return s.counted()
	case s.client.NoReconnect, !awayForNow(n.err) && !isTimeout(n.err):
		return n.err
	}
	v.away(n.err)
	return nil
}

// isTimeout says whether a node did not answer in time.
func isTimeout(err error) bool {
	var f *core.Fault
	return errors.As(err, &f) && f.Code == core.CodeTimeout
}
