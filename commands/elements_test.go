package commands

import (
	"fmt"
	"testing"
	"time"
)

func TestNamesAreFoldedAsPeopleWriteThem(t *testing.T) {
	var nine []string
	for i := 9; i > 0; i-- {
		nine = append(nine, fmt.Sprintf("web%d", i))
	}
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{nine, "web[1-9]"},
		{[]string{"web1"}, "web1"},
		{[]string{"web1", "web3", "db1", "web2", "mail"}, "db1,mail,web[1-3]"},
		{[]string{"web1", "web3", "web9"}, "web[1,3,9]"},
		{[]string{"web01", "web02"}, "web01,web02"},
		{[]string{"3", "1", "2"}, "1-3"},
		{[]string{"web99999999999999999999"}, "web99999999999999999999"},
	} {
		if got := foldNames(c.names); got != c.want {
			t.Errorf("%v is folded to %q, not %q", c.names, got, c.want)
		}
	}
}

func TestAgesAreSaidAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", 4 * time.Minute: "4 min", 3 * time.Hour: "3 h", 72 * time.Hour: "3 days",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v is said as %q, not %q", d, got, want)
		}
	}
}
