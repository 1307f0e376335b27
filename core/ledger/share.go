package ledger

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"hb/core/wire"
)

// shared finds specs that are equal, so that a queue of like tasks holds what they
// are to do once. It is no part of the state.
type shared map[string]*wire.Spec

// sharedMost bounds what is remembered.
const sharedMost = 1024

// of gives a spec like this one: perhaps another's.
func (s shared) of(spec *wire.Spec) *wire.Spec {
	key := spec.Name + "\x00" + strings.Join(spec.Argv, "\x00")
	if like := s[key]; like != nil && proto.Equal(like, spec) {
		return like
	}
	if len(s) >= sharedMost {
		clear(s)
	}
	s[key] = spec
	return spec
}
