package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// crush is a crowd that wants in, while tokens end, members are forgotten, keys
// change and leaders fail.
type crush struct {
	t      *testing.T
	w      *World
	luck   *rand.Rand
	tokens [][]byte
	asks   map[int]*Call // by host
	blank  map[int]bool  // hosts whose data directory is empty
	ended  map[string]int
}

func tokenHash(id []byte) []byte {
	return append(append(make([]byte, 0, 32), id...), make([]byte, 32-len(id))...)
}

// create makes a token, of whom nobody may ever hear that it is there.
func (c *crush) create(uses uint32, ttl time.Duration) {
	id := binary.BigEndian.AppendUint32([]byte{'t'}, uint32(len(c.tokens)))
	c.tokens = append(c.tokens, id)
	c.change(&wire.Command{Body: &wire.Command_CreateToken{CreateToken: &wire.CreateToken{Id: id, Hash: tokenHash(id), TtlNanos: int64(ttl), Uses: uses}}})
}

func (c *crush) change(command *wire.Command) { c.ask(node.ChangeToken{Command: command}) }

// ask asks any member something, if there is one.
func (c *crush) ask(body node.Request) {
	if at := c.member(); at >= 0 {
		c.w.Ask(at, body)
	}
}

// member is a host whose node runs; negative: none does.
func (c *crush) member() int {
	var up []int
	for i, h := range c.w.hosts {
		if h.up() {
			up = append(up, i)
		}
	}
	if len(up) == 0 {
		return -1
	}
	return up[c.luck.IntN(len(up))]
}

// id is who a host is, or will be when it is let in.
func (c *crush) id(i int) core.NodeID {
	if c.blank[i] {
		return core.NodeID(c.w.identityOf(i, c.w.hosts[i].minted).Node)
	}
	return core.NodeID(c.w.identityOf(i, c.w.hosts[i].minted-1).Node)
}

// knock has a host ask for credentials, as hb join does, and starts its node when
// it has them. Whoever gets no answer asks again, by the same token or another.
func (c *crush) knock(i int) {
	if !c.blank[i] || c.asks[i] != nil {
		return
	}
	h, at := c.w.hosts[i], c.member()
	if at < 0 {
		return
	}
	h.vaultOf()
	id := c.id(i)
	token := c.tokens[c.luck.IntN(len(c.tokens))]
	c.asks[i] = c.w.ask(c.w.hosts[at], node.Enroll{Admit: &wire.Admit{
		Token: token, Hash: tokenHash(token), Node: uint64(id), Name: h.name, SignKey: make([]byte, 32), WrapKey: h.vault.public(), Replace: true,
	}}, func(done *Call) {
		delete(c.asks, i)
		view, in := done.Answer().(node.EnrolledView)
		switch fault := done.Fault(); {
		case in && c.blank[i] && c.id(i) == id:
			c.ended["in"]++
			delete(c.blank, i)
			h.until = 0
			h.keeps(view.Certificate)
			c.w.Restart(i)
		case done.Lost:
			c.ended["lost"]++
		case fault != nil:
			c.ended[fmt.Sprintf("exit %d", fault.Code)]++
		}
	})
}

// forget has somebody forgotten, who lives. Its files stay; its node, once told,
// ends, as it does if it is started again; then the machine begins anew.
func (c *crush) forget(i int) {
	h := c.w.hosts[i]
	if !h.up() || i == 0 {
		return
	}
	at := c.member()
	if at != i {
		h.foreseen = core.CodeBadInput
		c.w.Ask(at, node.Forget{Node: c.id(i), Force: true})
	}
}

// bury looks after those who were forgotten.
func (c *crush) bury() {
	for i, h := range c.w.hosts {
		if c.blank[i] || h.up() || !c.w.referee.let.gone[c.id(i)] {
			continue
		}
		if c.luck.IntN(2) == 0 { // once more, with all its files
			c.w.Restart(i)
			c.ended["came back"]++
			continue
		}
		c.w.Wipe(i)
		c.blank[i] = true
		h.foreseen, h.until = 0, 0
		h.powerOn()
	}
}

// hurt does something to the leader a few milliseconds from now: in the middle of
// what it is asked.
func (c *crush) hurt() {
	lead := c.w.Leader()
	if lead < 0 {
		return
	}
	long := time.Duration(1+c.luck.IntN(4)) * time.Second
	how := c.luck.IntN(3)
	c.w.after(time.Duration(c.luck.IntN(20_000))*time.Microsecond, func() {
		switch how {
		case 0:
			c.w.PowerCut(lead)
			c.w.after(long, func() {
				if !c.blank[lead] {
					c.w.Restart(lead)
				}
			})
		case 1:
			c.w.Partition([]int{lead}, others(c.w, lead))
			c.w.after(long, c.w.Heal)
		case 2:
			c.w.Pause(lead, long)
		}
	})
}

// loseDisk has a machine that does not vote lose its disk, if all others are well. It
// comes back as another, under the name of who is dead.
func (c *crush) loseDisk() {
	members := 0
	for i, h := range c.w.hosts {
		switch {
		case c.blank[i]:
		case !h.up() || c.w.referee.let.gone[c.id(i)]:
			return
		default:
			members++
		}
	}
	i := c.luck.IntN(len(c.w.hosts))
	if members < 5 || c.blank[i] || c.w.hosts[i].paused || c.w.votes(i) {
		return
	}
	c.w.Wipe(i)
	c.blank[i] = true
	c.ended["lost a disk"]++
	c.w.hosts[i].foreseen, c.w.hosts[i].until = 0, 0
	c.w.hosts[i].powerOn()
}

// round is one beat of it.
func (c *crush) round() {
	c.bury()
	for i := 1; i < len(c.w.hosts); i++ {
		if c.luck.IntN(3) == 0 {
			c.knock(i)
		}
	}
	switch c.luck.IntN(8) {
	case 0:
		c.create(uint32(1+c.luck.IntN(3)), time.Duration(2+c.luck.IntN(20))*time.Second)
	case 1:
		id := c.tokens[c.luck.IntN(len(c.tokens))]
		c.change(&wire.Command{Body: &wire.Command_RevokeToken{RevokeToken: &wire.RevokeToken{Id: id}}})
	case 2:
		c.ask(node.RotateKeys{})
	case 3, 4:
		c.forget(c.luck.IntN(len(c.w.hosts)))
	case 5, 6:
		c.hurt()
	case 7:
		c.loseDisk()
	}
}

// Machines that ask again and again, with tokens that are good, used up, revoked and
// expired, at whatever member, while leaders die, are cut off and sleep in the middle
// of letting them in, while members are forgotten or lose their disks and keys change.
// The referee has the invariants (admissionBook): no token lets more in than it is for,
// none after its end, nobody comes back who was forgotten, and no key is made for them.
// HB_CRUSHES is how many seeds are tried, if not these few.
func TestNobodyGetsInButByAGoodTokenWhateverHappens(t *testing.T) {
	seeds := uint64(5)
	if more, err := strconv.ParseUint(os.Getenv("HB_CRUSHES"), 10, 32); err == nil {
		seeds = more
	}
	let := 0
	all := map[string]int{}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { let += crushed(t, seed, all) })
	}
	t.Logf("%d machines were let in; the answers: %v", let, all)
	if let < 30 || all["exit 77"] < 60 || all["came back"] < 5 || all["lost a disk"] < 3 {
		t.Error("too little happened")
	}
}

// crushed is one cluster in such trouble. It gives how many machines were let in.
func crushed(t *testing.T, seed uint64, all map[string]int) int {
	w := New(Options{Seed: seed, Nodes: 9, Sealed: true, Tokens: true})
	t.Cleanup(w.Close)
	c := &crush{t: t, w: w, luck: w.chance("crush"), asks: map[int]*Call{}, blank: map[int]bool{}, ended: all}
	for i := 1; i < len(w.hosts); i++ {
		c.blank[i] = true
	}
	w.Start(1)
	reach(t, w, 20*time.Second, node.Condition{Kind: "leader"})
	c.create(4, time.Hour)
	pass(t, w, time.Second)
	until(t, w, time.Minute, func() bool {
		for i := 1; i < 5; i++ {
			c.knock(i)
		}
		return w.hosts[1].up() && w.hosts[2].up() && w.hosts[3].up() && w.hosts[4].up()
	})
	reach(t, w, time.Minute, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3})
	for range 80 {
		c.round()
		pass(t, w, 400*time.Millisecond)
	}
	w.Heal()
	c.settle()
	return w.referee.let.let
}

// A voter was off while a machine that it has never heard of was let in, and leads now.
// It takes nothing from that one until the log says who it is, which it gets from
// others; then it votes again. The same holds for a member that does not vote.
func TestWhoSleptWhileAStrangerTookTheLeadFollowsIt(t *testing.T) {
	w := New(Options{Seed: 91, Nodes: 5, Sealed: true, Tokens: true})
	t.Cleanup(w.Close)
	c := &crush{t: t, w: w, luck: w.chance("crush"), asks: map[int]*Call{}, blank: map[int]bool{1: true, 2: true, 3: true, 4: true}, ended: map[string]int{}}
	w.Start(1)
	reach(t, w, 20*time.Second, node.Condition{Kind: "leader"})
	c.create(0, time.Hour)
	enter := func(i int) {
		for n := 0; !w.hosts[i].up(); n++ {
			if n > 300 {
				t.Fatalf("%s is not let in: %v", w.hosts[i].name, c.ended)
			}
			c.knock(i)
			pass(t, w, 100*time.Millisecond)
		}
	}
	for i := range 3 {
		enter(i + 1)
	}
	reach(t, w, time.Minute, node.Condition{Kind: "members", N: 4}, node.Condition{Kind: "voters", N: 3})
	vote := func(i int, v ledger.Vote) {
		answer[node.VotersView](t, w, w.Ask(0, node.SetVote{Node: c.id(i), Vote: v}))
	}
	const voter, stranger, member = 2, 4, 3
	vote(voter, ledger.VoteWanted)
	vote(member, ledger.VoteUnwanted)
	settle(t, w, 0, func(v node.VotersView) bool { return voting(v, c.id(voter)) && !voting(v, c.id(member)) })
	w.PowerCut(voter, member)
	enter(stranger)
	vote(stranger, ledger.VoteWanted)
	vote(1, ledger.VoteUnwanted)
	settle(t, w, 0, func(v node.VotersView) bool { return voting(v, c.id(stranger)) && voting(v, c.id(voter)) })
	answer[node.LeaderView](t, w, w.Ask(0, node.TransferLeader{To: c.id(stranger)}))
	w.Restart(voter)
	w.Restart(member)
	from := w.Now()
	reach(t, w, 20*time.Second, node.Condition{Kind: "ready"}, node.Condition{Kind: "members", N: 5}, node.Condition{Kind: "voters", N: 3})
	t.Logf("they follow it %v after their start", w.Now()-from)
	if !w.votes(voter) || w.Leader() != stranger {
		t.Errorf("n%d leads, and the voter votes is %t", w.Leader()+1, w.votes(voter))
	}
}

// settle ends all trouble: with a good token everybody gets in who is not, and
// nobody is left who was forgotten, in any table or with any key.
func (c *crush) settle() {
	t, w := c.t, c.w
	t.Helper()
	pass(t, w, 15*time.Second) // whoever sleeps wakes
	c.create(0, time.Hour)
	c.tokens = c.tokens[len(c.tokens)-1:]
	for range 200 {
		c.bury()
		for i := range w.hosts {
			c.knock(i)
		}
		pass(t, w, time.Second)
		if c.allIn() {
			break
		}
	}
	if !c.allIn() {
		t.Fatalf("seed %d: after three minutes without trouble not everybody is in", w.options.Seed)
	}
	reach(t, w, time.Minute, node.Condition{Kind: "members", N: uint64(len(w.hosts))}, node.Condition{Kind: "voters", N: 3})
	until(t, w, 30*time.Second, func() bool { return w.keyedAlike(w.referee.let.stale + 1) })
}

// allIn says whether all hosts run as members.
func (c *crush) allIn() bool {
	for i, h := range c.w.hosts {
		if c.blank[i] || !h.up() || c.w.referee.let.gone[c.id(i)] {
			return false
		}
	}
	return true
}
