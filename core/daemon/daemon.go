package daemon

import "context"

// Run runs one node until ctx ends (then it shuts down in order), until it has
// left its cluster, or until it cannot go on. It gives nil or a *core.Fault.
func Run(ctx context.Context, o Options) error { panic("being written") }
