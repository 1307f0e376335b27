package ledger

import (
	"bytes"
	"testing"

	"hb/core/wire"
	"hb/core/wire/wiretest"
)

// FuzzApply: whatever an entry says, each command is carried out or refused, the
// ledger stays sound, and another that applies the same is the same.
func FuzzApply(f *testing.F) {
	start := lively(&testing.T{}).Encode()
	for _, m := range wiretest.EachBody(&wire.Command{}) {
		c := m.(*wire.Command)
		f.Add(wire.EncodeEntry(&wire.Entry{WallNanos: 1 << 60, Commands: []*wire.Command{c, c}}))
	}
	for _, c := range []*wire.Command{
		up(row(4, 1)), down("left", 1, 1), submit(9, spec("true")), assign(5, 1, 1, 1), finish(4, 1, exit(0)), cancel(3), expire(1, 2),
	} {
		f.Add(wire.EncodeEntry(&wire.Entry{WallNanos: 1 << 60, Commands: []*wire.Command{submit(8, spec("x")), c, c}}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var states [2]*State
		for i := range states {
			e, err := wire.DecodeEntry(b)
			if err != nil {
				return
			}
			if states[i], err = Decode(start); err != nil {
				t.Fatal(err)
			}
			if len(e.Commands) > 100 || Understood(e) != nil {
				return
			}
			for _, o := range states[i].Apply(states[i].Applied()+1, e) {
				if v := o.Verdict; v != nil && (v.Code == 0 || v.Message == "") {
					t.Errorf("%v is refused without a word", o.Command)
				}
			}
			if err := Check(states[i]); err != nil {
				t.Fatal(err)
			}
		}
		one := states[0].Encode()
		if !bytes.Equal(one, states[1].Encode()) {
			t.Fatal("two ledgers differ")
		}
		if again, err := Decode(one); err != nil || !bytes.Equal(again.Encode(), one) {
			t.Fatalf("the ledger does not come back from its bytes: %v", err)
		}
	})
}
