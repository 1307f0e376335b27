package ledger

import (
	"fmt"

	"hb/core"
	"hb/core/wire"
)

// Apply carries out the commands of a committed entry and says what each came
// to, in order. Indexes only rise; an index without commands (the engine's own
// entries) is applied with a nil or empty entry. The entry's records become the
// ledger's: the caller must not change them afterwards. An entry that
// Understood objects to must not be applied.
func (s *State) Apply(index uint64, e *wire.Entry) []Outcome {
	if index <= s.applied {
		panic(fmt.Sprintf("ledger: index %d applied after %d", index, s.applied))
	}
	s.applied = index
	if len(e.GetCommands()) == 0 {
		return nil
	}
	s.wall = e.WallNanos
	outcomes := make([]Outcome, len(e.Commands))
	for i, c := range e.Commands {
		outcomes[i] = Outcome{Fence: core.NewFence(index, i), Command: c}
		s.apply(&outcomes[i])
		s.answerEvents(&outcomes[i])
	}
	s.forgetOldest()
	return outcomes
}

// apply carries out one command.
func (s *State) apply(o *Outcome) {
	switch b := o.Command.GetBody().(type) {
	case *wire.Command_MemberUp:
		s.memberUp(o, b.MemberUp)
	case *wire.Command_MemberDown:
		s.memberDown(o, b.MemberDown)
	case *wire.Command_Submit:
		s.submit(o, b.Submit)
	case *wire.Command_Assign:
		s.assign(o, b.Assign)
	case *wire.Command_Finish:
		s.finish(o, b.Finish)
	case *wire.Command_Requeue:
		s.requeue(o, b.Requeue)
	case *wire.Command_Cancel:
		s.cancel(o, b.Cancel)
	case *wire.Command_Expire:
		s.expire(b.Expire)
	case *wire.Command_Drain:
		s.drain(o, b.Drain)
	case *wire.Command_SetVoters:
		s.setVoters(o, b.SetVoters)
	case *wire.Command_SetVote:
		s.setVote(o, b.SetVote)
	case *wire.Command_RaiseFeatures:
		s.raiseFeatures(o, b.RaiseFeatures)
	case *wire.Command_Forget:
		s.forgetWithToken(o, b.Forget)
	case *wire.Command_AcquireLock:
		s.acquireLock(o, b.AcquireLock)
	case *wire.Command_ReleaseLock:
		s.releaseLock(o, b.ReleaseLock)
	case *wire.Command_Offer:
		s.offer(o, b.Offer)
	case *wire.Command_Note:
		if len(b.Note.GetText()) > MaxNoteBytes {
			o.Verdict = refuse(core.CodeBadInput, "a note of %d bytes: at most %d are taken", len(b.Note.GetText()), MaxNoteBytes)
		}
	default:
		if !s.applyToAdmission(o) && !s.applyToKeys(o) {
			s.applyToSchedule(o)
		}
	}
}
