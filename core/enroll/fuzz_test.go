package enroll

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"hb/core"
	"hb/core/alloctest"
	"hb/core/pki"
	"hb/core/wire"
)

// FuzzAnswer: whatever a machine without certificate says, it is answered a
// verdict, and only whose proof holds comes before the cluster. Whatever a member
// answers, the machine takes for credentials only what is of its own key.
func FuzzAnswer(f *testing.F) {
	keys, err := pki.NewKeys(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	bound, public := make([]byte, 32), keys.Public()
	good := &wire.Enroll{Version: version, Secret: make([]byte, 16), Node: 7, Name: "b", SignKey: public.Sign, WrapKey: public.Wrap, Proof: keys.Prove(proving, bound)}
	f.Add(wire.Marshal(good))
	f.Add(wire.Marshal(&wire.Enrolled{Version: version, Certificate: []byte("x"), Cluster: make([]byte, 16), Refused: &wire.Verdict{Code: 65, Message: "no"}}))
	f.Add([]byte{})
	now := time.Now()
	f.Fuzz(func(t *testing.T, b []byte) {
		said, heard := &wire.Enroll{}, &wire.Enrolled{}
		no := core.Faultf(core.CodeDenied, "no such token")
		desk := Desk{
			Admit: func(_ context.Context, a *wire.Admit) (*wire.Enrolled, error) {
				if !pki.Proven(pki.PublicKeys{Sign: a.SignKey, Wrap: a.WrapKey}, proving, bound, said.Proof) {
					t.Errorf("the proof of %v does not hold", said)
				}
				return nil, no
			},
			Try: func(context.Context, *wire.Admit) error { return no },
		}
		if len(b) > mostSaid {
			return
		}
		alloctest.Within(t, mostSaid, func() {
			if wire.Unmarshal(b, said) != nil {
				return
			}
			e := desk.answer(t.Context(), said, bound, now)
			if e.Refused.GetCode() == 0 && (!said.Trial || len(said.Secret) > 0) {
				t.Errorf("%v is let in", said)
			}
		})
		alloctest.Within(t, mostSaid, func() {
			if wire.Unmarshal(b, heard) != nil {
				return
			}
			a := Application{Keys: keys, Node: 7, Now: func() time.Time { return now }}
			if got, _, err := a.judge(heard, []byte("no authority")); err == nil {
				t.Errorf("%v makes credentials: %v", heard, got.Credentials.Identity)
			}
		})
	})
}
