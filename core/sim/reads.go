package sim

import (
	"fmt"

	"hb/core"
	"hb/core/ledger"
	"hb/core/wire"
)

// readBook judges readings that claim to be linearizable: an answer may not be
// older than what was known when the question was asked.
type readBook struct {
	// confirmed is the highest term that a reading confirmed.
	confirmed uint64
}

// leader is a confirmed answer that somebody led a term.
func (b *readBook) leader(seen glance, term uint64) error {
	if term < seen.term {
		return fmt.Errorf("the leader of term %d was confirmed to a client who asked when term %d had its own", term, seen.term)
	}
	b.confirmed = max(b.confirmed, term)
	return nil
}

// written is the index at which something new was written: it must lie behind
// whatever was known to be committed when that was asked for.
func (b *readBook) written(seen glance, index uint64) error {
	if index <= seen.end {
		return fmt.Errorf("a note was written at index %d, which was taken when it was asked for (up to %d)", index, seen.end)
	}
	return nil
}

// task is the answer to a question about one task: its record, or that it was
// never heard of.
func (b *readBook) task(seen glance, id core.TaskID, t *wire.Task, unheard bool) error {
	switch was := seen.task; {
	case was == nil || t == nil && !unheard:
		return nil
	case unheard:
		return fmt.Errorf("task %s was in the log at %d and is said never to have been heard of", id, was.Index)
	case lastAttempt(t).GetN() < lastAttempt(was).GetN():
		return fmt.Errorf("task %s had %d attempts when the question was asked, the answer tells of %d",
			id, lastAttempt(was).GetN(), lastAttempt(t).GetN())
	case ledger.IsFinal(was.Status) && t.Status != was.Status:
		return fmt.Errorf("task %s had ended as %s when the question was asked, the answer says %s", id, was.Status, t.Status)
	}
	return nil
}
