package swim

import "time"

// rtt estimates the round trip to one member (Jacobson and Karels; the gains
// of RFC 6298).
type rtt struct {
	mean, deviation time.Duration // mean 0: not measured yet
}

// minTimeout keeps a member on the same machine, whose round trips take
// microseconds, from being asked through others for one slow scheduling.
const minTimeout = 10 * time.Millisecond

func (r *rtt) sample(d time.Duration) {
	d = max(d, time.Nanosecond)
	if r.mean == 0 {
		r.mean, r.deviation = d, d/2
		return
	}
	r.deviation += ((r.mean - d).Abs() - r.deviation) / 4
	r.mean += (d - r.mean) / 8
}

// timeout is how long to wait for a direct ack, never longer than most.
func (r *rtt) timeout(most time.Duration) time.Duration {
	if r.mean == 0 {
		return most
	}
	return min(max(r.mean+4*r.deviation, minTimeout), most)
}
