package ledger

import (
	"hb/core/wire"
)

// Format is the version of the encoded ledger.
const Format = 1

// Encode gives the ledger as bytes (wire.Ledger): equal states, equal bytes.
func (s *State) Encode() []byte { panic("to be written") }

// Decode reads what Encode wrote. Bytes of a newer format, or that contradict
// themselves, are an error.
func Decode(b []byte) (*State, error) { panic("to be written") }

// ReadEntry reads the data of a log entry. A command that this version of the
// program does not know is an error, on which a node must stop: to skip it
// would make this ledger differ from the others.
func ReadEntry(data []byte) (*wire.Entry, error) { panic("to be written") }

// Check says whether what must always hold of a ledger does, and if not, what.
func Check(s *State) error { panic("to be written") }
