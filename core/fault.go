package core

import "fmt"

// Code is an exit status of the command line and, at the same time, the class
// of an error anywhere in hb (sysexits.h where it has a word for it).
type Code int

// The codes a fault may carry. No code means "unknown" and exits 0.
const (
	CodeNo        Code = 1   // no, no match
	CodeUsage     Code = 64  // the call's words are off
	CodeBadInput  Code = 65  // data that contradicts what is there
	CodeUnheard   Code = 66  // never heard of it
	CodeNoNode    Code = 69  // no socket, or refused
	CodeInternal  Code = 70  // a fault of hb's own
	CodeIO        Code = 74  // disk or network of this machine
	CodeBusy      Code = 75  // try again
	CodeDenied    Code = 77  // not allowed
	CodeConfig    Code = 78  // bad configuration
	CodeNoQuorum  Code = 106 // no leader, or no quorum behind it
	CodeTimeout   Code = 124 // a time ran out
	CodeTaskLost  Code = 125 // hb does not know how the task ended
	CodeNotExec   Code = 126 // found, but cannot be executed
	CodeNotFound  Code = 127 // no such command
	CodeCancelled Code = 143 // a task that was cancelled
)

// Fault is an error with the exit code it deserves and, perhaps, what to do
// about it. Its message is one line and needs no prefix.
type Fault struct {
	Code    Code
	Message string
	Hint    string
}

// Error gives the message without the hint.
func (f *Fault) Error() string { return f.Message }

// Faultf makes a fault without a hint.
func Faultf(code Code, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithHint adds what to do about it.
func (f *Fault) WithHint(format string, args ...any) *Fault {
	f.Hint = fmt.Sprintf(format, args...)
	return f
}
