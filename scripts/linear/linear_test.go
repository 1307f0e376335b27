package linear

import (
	"strings"
	"testing"
	"time"
)

// at makes an operation between two seconds.
func at(call, end int, o Operation) Operation {
	o.Object = "x"
	o.Call, o.Return = time.Duration(call)*time.Second, time.Duration(end)*time.Second
	if end == 0 {
		o.Return = Forever
	}
	return o
}

func TestAHistoryIsJudgedByWhatItsClientsSaw(t *testing.T) {
	submit := Operation{Do: Submit, Task: "t"}
	seen := func(attempts int, final string) Operation {
		return Operation{Do: Read, Progress: Progress{Known: true, Attempts: attempts, Final: final}}
	}
	unheard := Operation{Do: Read}
	keyed := func(task, got string) Operation { return Operation{Do: Submit, Keyed: true, Task: task, Got: got} }
	told := func(do Action, n uint64) Operation { return Operation{Do: do, Number: n} }
	for name, c := range map[string]struct {
		history []Operation
		right   bool
	}{
		"nothing": {nil, true},
		"a task grows": {[]Operation{
			at(1, 2, submit), at(3, 4, seen(0, "")), at(5, 6, seen(1, "")), at(7, 8, seen(1, "succeeded")), at(9, 10, seen(1, "succeeded"))}, true},
		"an attempt is taken back":             {[]Operation{at(1, 2, submit), at(3, 4, seen(2, "")), at(5, 6, seen(1, ""))}, false},
		"an end is taken back":                 {[]Operation{at(1, 2, submit), at(3, 4, seen(1, "failed")), at(5, 6, seen(1, ""))}, false},
		"two ends":                             {[]Operation{at(1, 2, submit), at(3, 4, seen(1, "failed")), at(5, 6, seen(1, "succeeded"))}, false},
		"an older answer to an older question": {[]Operation{at(1, 2, submit), at(3, 9, seen(1, "")), at(5, 6, seen(2, ""))}, true},
		"gone after it was acknowledged":       {[]Operation{at(1, 2, submit), at(3, 4, unheard)}, false},
		"not there while it is submitted":      {[]Operation{at(1, 4, submit), at(2, 3, unheard)}, true},
		"seen although never acknowledged":     {[]Operation{at(1, 0, submit), at(2, 3, unheard), at(4, 5, seen(0, ""))}, true},
		"seen before it was submitted":         {[]Operation{at(3, 4, submit), at(1, 2, seen(0, ""))}, false},
		"the first has the key":                {[]Operation{at(1, 2, keyed("a", "a")), at(3, 4, keyed("b", "a"))}, true},
		"two have the key":                     {[]Operation{at(1, 2, keyed("a", "a")), at(3, 4, keyed("b", "b"))}, false},
		"a key of one who was never answered":  {[]Operation{at(1, 0, keyed("z", "")), at(2, 3, keyed("a", "z"))}, true},
		"a key of nobody":                      {[]Operation{at(1, 2, keyed("a", "z"))}, false},
		"appended in order":                    {[]Operation{at(1, 4, told(Append, 9)), at(2, 3, told(Append, 7)), at(5, 6, told(Append, 10))}, true},
		"appended before what was there":       {[]Operation{at(1, 2, told(Append, 9)), at(3, 4, told(Append, 7))}, false},
		"two at one index":                     {[]Operation{at(1, 2, told(Append, 9)), at(1, 2, told(Append, 9))}, false},
		"a leader of old":                      {[]Operation{at(1, 2, told(Lead, 3)), at(3, 4, told(Lead, 2))}, false},
		"leaders side by side":                 {[]Operation{at(1, 4, told(Lead, 3)), at(3, 4, told(Lead, 2))}, true},
	} {
		err := Check(c.history)
		if (err == nil) != c.right {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && !strings.Contains(err.Error(), "no order explains what was seen of x") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestObjectsAreJudgedEachByItself(t *testing.T) {
	a, b := at(1, 2, Operation{Do: Append, Number: 9}), at(3, 4, Operation{Do: Append, Number: 7})
	b.Object = "y"
	if err := Check([]Operation{a, b}); err != nil {
		t.Error(err)
	}
}
