package ledger

import (
	"hb/core/wire"
)

// Apply carries out the commands of a committed entry and says what each came
// to, in order. Indexes only rise; an index without commands (the engine's own
// entries) is applied with a nil entry. The entry's records become the
// ledger's: the caller must not change them afterwards.
func (s *State) Apply(index uint64, e *wire.Entry) []Outcome { panic("to be written") }
