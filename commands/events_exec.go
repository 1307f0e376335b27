package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
)

// firstRetry is after how long a command is run again that failed for an event;
// each further pause is twice as long, up to lastRetry.
const firstRetry, lastRetry = time.Second, time.Minute

// execForEvent runs a command until it has taken the event.
func (c *call) execForEvent(ctx context.Context, command string, e *control.Event) error {
	var event strings.Builder
	if err := render.JSON(&event, e); err != nil {
		return err
	}
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		err := c.execOnce(ctx, command, e, event.String())
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if !c.quiet {
			fmt.Fprintf(c.stderr, "hb: %s, for %s %s: trying again in %v\n", render.Safe(err.Error()), render.Safe(e.Kind), render.Safe(e.Subject), pause)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *call) execOnce(ctx context.Context, command string, e *control.Event, event string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(event), c.App.Writer, c.App.ErrWriter
	// A name from elsewhere may hold a zero byte, which an environment cannot.
	cmd.Env = append(os.Environ(), "HB_EVENT_KIND="+e.Kind, "HB_EVENT_SUBJECT="+strings.ReplaceAll(e.Subject, "\x00", ""))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ended):
		return fmt.Errorf("the command ended with %v", ended)
	}
	return fmt.Errorf("the command cannot be run: %w", err)
}

// readCursor goes on where a file says. Without one it begins as the call says.
func readCursor(file string, q *control.EventQuery) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return core.Faultf(core.CodeIO, "cannot read the cursor: %v", err)
	}
	var cursor uint64
	if n, err := fmt.Sscanf(string(text), "%d %d %d\n", &cursor, &q.After.Index, &q.After.Seen); n != 3 || err != nil {
		return core.Faultf(core.CodeBadInput, "%s holds no cursor", file).WithHint("remove it to begin anew")
	}
	q.Since = fmt.Sprint(cursor)
	return nil
}

// writeCursor keeps it, whole or as it was. That a crash of the machine may take
// the last one back is as if hb had ended before.
func writeCursor(file, cursor string, at control.Place) error {
	if file == "" {
		return nil
	}
	next, err := os.CreateTemp(filepath.Dir(file), ".hb-cursor-")
	if err == nil {
		_, err = fmt.Fprintf(next, "%s %d %d\n", cursor, at.Index, at.Seen)
		err = errors.Join(err, next.Close())
		if err == nil {
			err = os.Rename(next.Name(), file)
		}
		if err != nil {
			os.Remove(next.Name())
		}
	}
	if err != nil {
		return core.Faultf(core.CodeIO, "cannot keep the cursor: %v", err)
	}
	return nil
}
