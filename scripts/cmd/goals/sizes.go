package main

import (
	"fmt"
	"time"

	"hb/core/sim/lab"
)

// thousand is a minute of a thousand members.
func thousand(s scale) (string, verdict) {
	began := time.Now()
	l := lab.New(options(s, 1000))
	wrong := deaths(l, everybody)
	l.Run(time.Minute)
	took := time.Since(began)
	return fmt.Sprintf("%.1f s on one core beside the others, %d wrongly dead", took.Seconds(), *wrong), judge(took < 30*time.Second && *wrong == 0)
}

// tenThousand gives each of ten thousand members a table of its own.
func tenThousand(s scale) (string, verdict) { return sized(s, 10_000, false) }

// hundredThousand lets their tables share what they have in common.
func hundredThousand(s scale) (string, verdict) { return sized(s, 100_000, true) }

func sized(s scale, members int, compact bool) (string, verdict) {
	o := options(s, members)
	o.Compact = compact
	began := time.Now()
	l := lab.New(o)
	wrong := deaths(l, everybody)
	l.Run(s.huge)
	row, text := 0., ""
	if !compact {
		row = l.Table(0).BytesPerRow()
		text = fmt.Sprintf(", %.1f bytes a row beside its labels", row)
	}
	return fmt.Sprintf("%.0f s of simulated time in %.0f s%s, %d wrongly dead", s.huge.Seconds(), time.Since(began).Seconds(), text, *wrong),
		judge(*wrong == 0 && row <= 64)
}
