package ledger

import (
	"fmt"

	"hb/core"
	"hb/core/wire"
)

// Outcome is what one command came to.
type Outcome struct {
	// Fence is the command's position in the log; of an Assign that was
	// accepted, the token of its grant.
	Fence core.Fence
	// Command is the command itself.
	Command *wire.Command
	// Verdict is nil for yes, else why not, with an exit code.
	Verdict *wire.Verdict
	// Task is the record, as it is now, of the task that the command is about:
	// also when it was refused, nil when there is none. For a Submit whose key
	// is taken it is the first task of that key.
	Task *wire.Task
	// Also are the other records that the command has changed: elements of the
	// task, or the task that it is an element of.
	Also []*wire.Task
	// Members are the rows of the directory that changed.
	Members []*wire.Agreed
	// Locked says that some lock has other sessions than before.
	Locked bool
	// Events are for `hb events`, in order.
	Events []Event
}

// Event is a line for `hb events`: Kind is one of CLI.md's, Subject a task's
// ID or a member's name.
type Event struct{ Kind, Subject, Detail string }

// Fault is the verdict as an error, nil for yes.
func (o *Outcome) Fault() *core.Fault { return o.Verdict.Fault() }

func refuse(code core.Code, format string, args ...any) *wire.Verdict {
	return &wire.Verdict{Code: uint32(code), Message: fmt.Sprintf(format, args...)}
}
