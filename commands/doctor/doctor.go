package doctor

import (
	"context"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"sync"
	"time"

	"hb/commands/doctor/judge"
	"hb/core"
	"hb/core/config"
	"hb/core/pki"
)

// Plan says what to look at.
type Plan struct {
	// Version is this hb's, Name what the node is or would be called.
	Version, Name string
	// Config is what holds, from the file at Path (empty: there is none) whose
	// Faults are these.
	Config *config.Config
	Path   string
	Faults []string
	// Closed says that the file at Path may not be read by this user.
	Closed bool
	// Owner is the user whose node is looked at, if the files of that are not known:
	// then there is neither Path nor Data. System says that root runs it.
	Owner  string
	System bool
	// Data is the data directory, Sockets are where a node may be.
	Data    string
	Sockets []string
	// Advertise is what the configuration says others shall use; zero: nothing.
	Advertise      netip.AddrPort
	AdvertiseFault string
	// Host is HOST:PORT of a member that the call names; empty: none.
	Host string
	// Token is the one to try, or TokenFault says why it is none.
	Token      *pki.Token
	TokenFault *core.Fault
	// Census calls on the local network, and says who answered.
	Census func() ([]judge.Neighbour, error)
}

// gathering is one run.
type gathering struct {
	Plan
	facts *judge.Facts
	own   *pki.Credentials // nil: there are none, or they could not be read
}

// Gather looks at everything; it takes some seconds.
func Gather(ctx context.Context, p Plan) *judge.Facts {
	g := &gathering{Plan: p, facts: &judge.Facts{
		Version: p.Version, Root: os.Geteuid() == 0, User: UserName(os.Geteuid()), Now: time.Now(), Owner: p.Owner,
		Config: &judge.Config{Path: p.Path, Faults: p.Faults, Closed: p.Closed},
	}}
	before := readCounters()
	began := time.Now()
	g.lookAtToken()
	g.lookAtData()
	g.lookAtCredentials()
	g.askNode(ctx)
	g.lookAtTasks()
	g.lookAtLinks()
	g.lookAtPorts()
	g.lookAtAddress()
	g.facts.Firewall = findFirewall(ctx)
	g.facts.Conntrack = readConntrack()
	// What waits for answers waits at the same time.
	doors := g.doors()
	together(
		g.tryInbound,
		g.callLAN,
		func() { g.probeMembers(ctx) },
		func() { g.facts.Doors = g.knock(ctx, doors) },
	)
	if len(doors) == 0 { // whoever answered on the local network will do
		g.facts.Doors = g.knock(ctx, g.neighbours())
	}
	g.facts.Counters = readCounters().since(before, time.Since(began), g.port())
	return g.facts
}

func together(all ...func()) {
	var done sync.WaitGroup
	for _, do := range all {
		done.Go(do)
	}
	done.Wait()
}

func (g *gathering) lookAtToken() {
	switch {
	case g.TokenFault != nil:
		g.facts.Token = &judge.Token{Fault: g.TokenFault.Message, Hint: g.TokenFault.Hint}
	case g.Token != nil:
		g.facts.Token = &judge.Token{ID: g.Token.ID(), Expiry: g.Token.Expiry}
	}
}

// UserName is a user's name, or number.
func UserName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "user " + strconv.Itoa(uid)
}
