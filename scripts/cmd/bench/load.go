package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// putter makes one entry durable, as one client of one node does.
type putter func(ctx context.Context) error

// load is what clients that wait for each answer got out of a cluster.
type load struct {
	done int
	took []time.Duration
	over time.Duration
	cpu  time.Duration // of the servers; only where somebody asks for it
}

func (l load) rate() float64 { return float64(l.done) / l.over.Seconds() }

// drive lets so many clients work for a while, each with its own putter.
func drive(ctx context.Context, clients int, d time.Duration, client func(n int) putter) (load, error) {
	var mu sync.Mutex
	var all load
	var failed error
	var working sync.WaitGroup
	from := time.Now()
	for n := range clients {
		put := client(n)
		working.Go(func() {
			var took []time.Duration
			var err error
			for err == nil && time.Since(from) < d {
				begun := time.Now()
				if err = put(ctx); err == nil {
					took = append(took, time.Since(begun))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all.took = append(all.took, took...)
			if err != nil {
				failed = err
			}
		})
	}
	working.Wait()
	all.done, all.over = len(all.took), time.Since(from)
	return all, failed
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// median of one figure of several things; 0 of none.
func median[T any](of []T, figure func(T) float64) float64 {
	if len(of) == 0 {
		return 0
	}
	var values []float64
	for _, v := range of {
		values = append(values, figure(v))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// put writes entries of a size through one node.
func (i *instance) put(size int) putter {
	text := make([]byte, size)
	return func(ctx context.Context) error { return i.post(ctx, "/v1/log", text) }
}
