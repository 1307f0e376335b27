package core

import "testing"

func TestAYesCountsFromItsQuestionAndOnce(t *testing.T) {
	q := NewLeaseQuestions()
	if q.Due != Never {
		t.Fatal("something is due of which nobody has need")
	}
	now := Instant(5e9)
	first := q.Ask(now)
	if q.Due != now.Add(LeaseEvery) {
		t.Errorf("the next is due at %d", q.Due)
	}
	second := q.Ask(q.Due)
	if until, ok := q.Answered(second); !ok || until != now.Add(LeaseEvery+Lease) {
		t.Errorf("the later question counts until %d, %t", until, ok)
	}
	if until, ok := q.Answered(first); !ok || until != now.Add(Lease) {
		t.Errorf("the earlier question, answered later, counts until %d, %t", until, ok)
	}
	for _, id := range []uint64{first, second, 0, 77} {
		if _, ok := q.Answered(id); ok {
			t.Errorf("question %d is answered twice, or was never asked", id)
		}
	}
}

func TestAQuestionThatNobodyAnswersIsForgottenWithItsLease(t *testing.T) {
	q := NewLeaseQuestions()
	old := q.Ask(0)
	q.Ask(Instant(Lease))
	if _, ok := q.Answered(old); ok {
		t.Error("a yes counts that came after the lease")
	}
}
