// Command neighbour is a machine on the cluster's network that means it ill. It
// has no credentials of the cluster's, or such that were revoked. It does what it is
// told for a while, and prints, as one JSON object, what it tried and what it got:
//
//	neighbour --to 10.0.0.1:7117 --for 10s speak impersonate truncate strangle flood
//	neighbour --to 10.0.0.1:7117 --hold 10000 --for 30s hold
//	neighbour --to 10.0.0.1:7117 --as /copy/of/data haunt gossip
//	neighbour --to 10.0.0.1:7117 --rate 5000 replay forge spray
//	neighbour --to 10.0.0.1:7117 --record FILE listen
//
// "heard" are bytes that came to it beyond a handshake, and datagrams to its own
// address: it should be none. What it does with datagrams needs root, or
// CAP_NET_RAW.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
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
	hears      bool // what others send each other
}

// tricks are all there are.
func tricks() []trick {
	return []trick{
		{"speak", "say frames of all kinds in the clear", speak, false},
		{"impersonate", "make handshakes with certificates of an authority of its own, of a member's name, and say frames of all kinds", impersonate, false},
		{"haunt", "come with the credentials in --as, of a member that was forgotten, and say frames of all kinds in its name", haunt, false},
		{"gossip", "send datagrams in the name of that member, sealed with the last key that it had", gossip, true},
		{"strangle", "ask for the protocol of joining, and say what is no question", strangle, false},
		{"truncate", "break off in the middle of a handshake", truncate, false},
		{"flood", "open connections, say rubbish, and close them, as fast as it goes", flood, false},
		{"hold", "open --hold connections, begin a handshake on each, and keep them", nil, false},
		{"listen", "hear what passes, and write it down to --record", listen, true},
		{"replay", "send datagrams again that passed, or that --from has, whole, cut and changed, to whomever, in anybody's name", replay, true},
		{"forge", "say in members' names, unsealed, that others are dead, and who leads", forge, true},
		{"spray", "send noise that looks sealed", spray, true},
	}
}

// counts is what it came to, and what the tricks share.
type counts struct {
	as    string // the directory of haunt's credentials
	rate  int    // datagrams a second, by each that sends some; 0: no limit
	ear   *ear
	spoof *spoof
	ghost *ghost

	datagrams                                atomic.Int64
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
	Datagrams  int64    `json:"datagrams"`     // sent
	Overheard  int      `json:"overheard"`     // datagrams of others that are remembered
	Heard      int64    `json:"heard"`         // bytes, beyond handshakes
}

func main() {
	to := flag.String("to", "", "`ADDRESS:PORT` of a member")
	lasts := flag.Duration("for", 5*time.Second, "how long")
	most := flag.Int("hold", 1000, "how many connections hold keeps open")
	var c counts
	flag.StringVar(&c.as, "as", "", "a data `DIRECTORY` with credentials, for haunt and gossip")
	at := flag.Int("at", 8, "how many try at a time")
	flag.IntVar(&c.rate, "rate", 0, "how many datagrams a second each of them may send; 0: as many as it can")
	record := flag.String("record", "", "write all packets that are heard to `FILE`")
	from := flag.String("from", "", "replay also what is in this `FILE` of --record")
	flag.Usage = usage
	flag.Parse()
	if *to == "" || flag.NArg() == 0 {
		usage()
		os.Exit(64)
	}
	ctx, stop := context.WithTimeout(context.Background(), *lasts)
	defer stop()
	var all sync.WaitGroup
	for _, t := range chosen() {
		if t.hears && c.ear == nil {
			if err := c.hear(ctx, &all, *to, *record, *from); err != nil {
				fmt.Fprintln(os.Stderr, "neighbour:", err)
				os.Exit(69)
			}
		}
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
	said := report{
		Tricks: flag.Args(), Opened: c.opened.Load(), Refused: c.refused.Load(), Why: c.why.Load(),
		Handshakes: c.handshakes.Load(), Sent: c.sent.Load(), Datagrams: c.datagrams.Load(), Heard: c.heard.Load(),
	}
	if c.ear != nil {
		said.Overheard, said.Heard = len(c.ear.packets), said.Heard+int64(c.ear.heard)
	}
	json.NewEncoder(os.Stdout).Encode(said)
}

// chosen are the tricks that were named.
func chosen() (list []trick) {
	for _, name := range flag.Args() {
		i := slices.IndexFunc(tricks(), func(t trick) bool { return t.name == name })
		if i < 0 {
			usage()
			os.Exit(64)
		}
		list = append(list, tricks()[i])
	}
	return list
}

// hear opens what the tricks with datagrams need.
func (c *counts) hear(ctx context.Context, all *sync.WaitGroup, to, record, from string) error {
	at, err := netip.ParseAddrPort(to)
	if err != nil {
		return err
	}
	if c.spoof, err = newSpoof(); err != nil {
		return err
	}
	if c.as != "" {
		if c.ghost, err = haunting(c.as); err != nil {
			return err
		}
	}
	c.ear, err = openEar(ctx, all, at, record, from)
	return err
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: neighbour --to ADDRESS:PORT [--for 5s] [--at 8] [--hold 1000] [--rate 0] [--record FILE] [--from FILE] TRICK...")
	for _, t := range tricks() {
		fmt.Fprintf(os.Stderr, "  %s%s%s\n", t.name, strings.Repeat(" ", 14-len(t.name)), t.what)
	}
}
