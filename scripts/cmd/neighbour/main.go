// Command neighbour is a machine on the cluster's network that means it ill. It
// has no credentials of the cluster's, or such that were revoked. It does what it is
// told for a while, and prints, as one JSON object, what it tried and what it got:
//
//	neighbour --to 10.0.0.1:7117 --for 10s speak impersonate truncate strangle flood
//	neighbour --to 10.0.0.1:7117 --hold 10000 --for 30s hold
//	neighbour --to 10.0.0.1:7117 --as /copy/of/data haunt
//
// "heard" are bytes that came to it beyond a handshake: it should be none.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// trick is one way of meaning ill; it is tried again and again, by several at a
// time, until the time is over.
type trick struct {
	name, what string
	try        func(ctx context.Context, to string, c *counts)
}

// tricks are all there are. One against another port, or over UDP, is one more
// line here.
func tricks() []trick {
	return []trick{
		{"speak", "say frames of all kinds in the clear", speak},
		{"impersonate", "make handshakes with certificates of an authority of its own, of a member's name, and say frames of all kinds", impersonate},
		{"haunt", "come with the credentials in --as, of a member that was forgotten, and say frames of all kinds in its name", haunt},
		{"strangle", "ask for the protocol of joining, and say what is no question", strangle},
		{"truncate", "break off in the middle of a handshake", truncate},
		{"flood", "open connections, say rubbish, and close them, as fast as it goes", flood},
		{"hold", "open --hold connections, begin a handshake on each, and keep them", nil},
	}
}

// counts is what it came to, and what the tricks share.
type counts struct {
	as string // the directory of haunt's credentials

	opened, refused, handshakes, sent, heard atomic.Int64
	why                                      atomic.Value // of the last one that was refused
}

type report struct {
	Tricks     []string `json:"tricks"`
	Opened     int64    `json:"opened"`
	Refused    int64    `json:"refused"`       // connections that could not be opened
	Why        any      `json:"why,omitempty"` // the last of them
	Handshakes int64    `json:"handshakes"`    // that the other side ended well, as far as it looks from here
	Sent       int64    `json:"sent"`          // bytes
	Heard      int64    `json:"heard"`         // bytes, beyond handshakes
}

func main() {
	to := flag.String("to", "", "`ADDRESS:PORT` of a member")
	lasts := flag.Duration("for", 5*time.Second, "how long")
	most := flag.Int("hold", 1000, "how many connections hold keeps open")
	var c counts
	flag.StringVar(&c.as, "as", "", "a data `DIRECTORY` with credentials, for haunt")
	at := flag.Int("at", 8, "how many try at a time")
	flag.Usage = usage
	flag.Parse()
	if *to == "" || flag.NArg() == 0 {
		usage()
		os.Exit(64)
	}
	ctx, stop := context.WithTimeout(context.Background(), *lasts)
	defer stop()
	var all sync.WaitGroup
	for _, name := range flag.Args() {
		i := slices.IndexFunc(tricks(), func(t trick) bool { return t.name == name })
		if i < 0 {
			usage()
			os.Exit(64)
		}
		t := tricks()[i]
		if t.try == nil {
			hold(ctx, &all, *to, *most, &c)
			continue
		}
		for range *at {
			all.Go(func() {
				for ctx.Err() == nil {
					t.try(ctx, *to, &c)
				}
			})
		}
	}
	all.Wait()
	json.NewEncoder(os.Stdout).Encode(report{
		Tricks: flag.Args(), Opened: c.opened.Load(), Refused: c.refused.Load(), Why: c.why.Load(),
		Handshakes: c.handshakes.Load(), Sent: c.sent.Load(), Heard: c.heard.Load(),
	})
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: neighbour --to ADDRESS:PORT [--for 5s] [--at 8] [--hold 1000] TRICK...")
	for _, t := range tricks() {
		fmt.Fprintf(os.Stderr, "  %s%s%s\n", t.name, strings.Repeat(" ", 14-len(t.name)), t.what)
	}
}
