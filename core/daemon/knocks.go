package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// refusalBurst machines from one address may be refused at once, and one more
	// each refusalEvery, before a refusal there is worth no question to the cluster
	// any more. Who is let in costs nothing of it, however many come.
	refusalBurst = 60
	refusalEvery = time.Second
	// refusalSaid is how often the log says of one address that somebody was
	// refused.
	refusalSaid = time.Minute
	// addressesMost bounds what is remembered; all others are counted as one.
	addressesMost = 4096
)

// knocks is what is remembered of the addresses from which machines without a
// certificate were refused. Its zero value remembers none.
type knocks struct {
	mu sync.Mutex
	of map[netip.Addr]*knocker
}

// knocker is one address.
type knocker struct {
	tokens float64 // of its bucket
	filled time.Time
	said   time.Time
	unsaid int
}

// addressOf is what counts as one address: of IPv6, the network of a host.
func addressOf(a netip.Addr) netip.Addr {
	if a = a.Unmap().WithZone(""); a.Is6() {
		return netip.PrefixFrom(a, 64).Masked().Addr()
	}
	return a
}

// tooMany says whether too many were refused there lately.
func (k *knocks) tooMany(from netip.Addr, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	who := k.of[addressOf(from)]
	if who == nil && len(k.of) >= addressesMost {
		who = k.of[netip.Addr{}]
	}
	if who == nil {
		return false
	}
	who.fill(now)
	return who.tokens < 1
}

func (w *knocker) fill(now time.Time) {
	w.tokens = min(refusalBurst, w.tokens+now.Sub(w.filled).Seconds()/refusalEvery.Seconds())
	w.filled = now
}

// refused counts one more, and gives what the log is to say: of this one, if
// nothing was said of its address for a while, and how many more there were at
// addresses of which nothing was said since.
func (k *knocks) refused(from netip.Addr, now time.Time, text string) (lines []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	lines = k.count(now)
	at := addressOf(from)
	if k.of[at] == nil && len(k.of) >= addressesMost {
		at = netip.Addr{}
	}
	who := k.of[at]
	if who == nil {
		if k.of == nil {
			k.of = map[netip.Addr]*knocker{}
		}
		who = &knocker{tokens: refusalBurst, filled: now, said: now}
		k.of[at] = who
		lines = append(lines, text)
	} else {
		who.unsaid++
	}
	who.fill(now)
	who.tokens = max(0, who.tokens-1)
	return lines
}

// count says how many were refused that were not said, and forgets addresses whose
// minute is over.
func (k *knocks) count(now time.Time) (lines []string) {
	var over []netip.Addr
	for at, who := range k.of {
		if now.Sub(who.said) >= refusalSaid {
			over = append(over, at)
		}
	}
	slices.SortFunc(over, func(a, b netip.Addr) int { return a.Compare(b) })
	for _, at := range over {
		who, where := k.of[at], at.String()
		if at == (netip.Addr{}) {
			where = "further addresses"
		}
		if who.unsaid > 0 {
			lines = append(lines, fmt.Sprintf("not let in from %s: %d more in %v", where, who.unsaid, now.Sub(who.said).Round(time.Second)))
		}
		who.fill(now)
		if who.tokens >= refusalBurst {
			delete(k.of, at)
			continue
		}
		who.said, who.unsaid = now, 0
	}
	return lines
}
