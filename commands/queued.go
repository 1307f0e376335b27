package commands

import (
	"context"
	"fmt"
	"strings"
	"time"

	"hb/commands/render"
	"hb/core/control"
)

// A task that is queued for longer than firstLook is asked why; then ever more
// seldom, so that many who wait do not keep the leader busy.
const (
	firstLook = time.Second
	mostPause = 15 * time.Second
)

// sayWhyQueued tells who waits for a task why it is not run yet, each reason once,
// until the function that it gives is called.
func (c *call) sayWhyQueued(ctx context.Context, client *control.Client, id string) (end func()) {
	if c.quiet {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		said := map[string]bool{}
		for pause := firstLook; ; pause = min(2*pause, mostPause) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			// The wait itself says what is wrong when this cannot be had.
			task, err := client.Task(ctx, id)
			if err != nil || task.Waiting == nil {
				continue
			}
			reason, _, _ := strings.Cut(*task.Waiting, " again in ") // the time is another each time
			if said[reason] {
				continue
			}
			said[reason] = true
			fmt.Fprintf(c.stderr, "hb: waiting: %s\n", render.Safe(*task.Waiting))
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
