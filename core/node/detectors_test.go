package node

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hb/core"
	"hb/core/detect/kinds"
)

// restarted makes a founded member that its disk knows under one kind of
// detector and its configuration under another, and gives its first effects.
func restarted(onDisk, configured string) (*Node, []Effect) {
	r := rand.New(rand.NewPCG(1, 1))
	id, snapshot := Found("lab", 0, r)
	id.Detector = onDisk
	n := New(Options{
		Name: "n1", Addr: netip.MustParseAddrPort("10.0.0.1:7117"), Detector: configured, Rand: r,
	}, Restored{Identity: id, Instance: 1, Snapshot: snapshot})
	return n, n.Step(core.Instant(time.Minute), Tick{})
}

func TestAMemberDoesNotComeBackWithAnotherDetector(t *testing.T) {
	_, effects := restarted("ring", "swim")
	stop, ok := effects[0].(Stop)
	if !ok || len(effects) != 1 {
		t.Fatalf("it does %+v", effects)
	}
	f := stop.Fault
	if f.Code != core.CodeConfig || f.Message != "the failure detector of cluster lab is ring, not swim" ||
		!strings.Contains(f.Hint, `kind = "ring"`) {
		t.Errorf("it says %+v", f)
	}
}

func TestTheDiskLearnsOnceWhichDetectorItsClusterHas(t *testing.T) {
	saved := func(effects []Effect) (kinds []string) {
		for _, f := range effects {
			if f, ok := f.(SaveIdentity); ok {
				kinds = append(kinds, f.Identity.Detector)
			}
		}
		return kinds
	}
	if _, effects := restarted("", "gossip"); len(saved(effects)) != 1 || saved(effects)[0] != "gossip" {
		t.Errorf("a disk that did not know gets %v", saved(effects))
	}
	if _, effects := restarted("gossip", "gossip"); len(saved(effects)) != 0 {
		t.Errorf("a disk that knew gets %v", saved(effects))
	}
}

func TestTheDetectorsAreThese(t *testing.T) {
	for _, kind := range []string{"central", "ring", "ring-bi", "all-to-all", "gossip", "swim"} {
		if _, ok := kinds.Find(kind); !ok {
			t.Errorf("no detector of kind %s", kind)
		}
	}
	if _, ok := kinds.Find("rumour"); ok {
		t.Error("there is a detector nobody wrote")
	}
}
