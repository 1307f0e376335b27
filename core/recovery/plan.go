package recovery

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/replog"
	"hb/core/store"
	"hb/core/wire"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// jump is how far a new epoch's log begins after the end of the old one.
const jump = 1 << 32

// Plan is a recovery that may be carried out.
type Plan struct {
	// Own is the directory whose node is to be the only voter; From the one
	// whose log goes furthest, perhaps the same.
	Own, From *Survivor
	// All are those that were compared, and Older those of an older epoch,
	// which were not.
	All, Older []*Survivor
	// Needless says why nothing need be done; empty when something must.
	Needless string
	Epoch    core.Epoch
	Index    uint64 // of the snapshot with which the epoch begins
}

// NewPlan compares what survivors hold. The first is the one to lead again. With
// force, not even a majority among them keeps it from going on. The error is a
// *core.Fault.
func NewPlan(all []*Survivor, force bool, r *rand.Rand) (*Plan, error) {
	p := &Plan{Own: all[0], From: all[0]}
	newest := p.Own.Epoch()
	for _, s := range all {
		if s.Cluster() != p.Own.Cluster() {
			return nil, core.Faultf(core.CodeBadInput, "%s is of cluster %v, %s of %v: nothing to compare", p.Own.Where, p.Own.Cluster(), s.Where, s.Cluster())
		}
		if s.Epoch().Number() > newest.Number() {
			newest = s.Epoch()
		}
	}
	number := newest
	for _, s := range all {
		if told := core.Epoch(s.Identity.Epoch); told.Number() > number.Number() {
			number = told // of a recovery that was not finished
		}
		switch {
		case s.Epoch() == newest:
			p.All = append(p.All, s)
		case s.Epoch().Number() < newest.Number():
			p.Older = append(p.Older, s)
		default:
			return nil, core.Faultf(core.CodeBadInput, "%s is of epoch %v, %s of %v: the cluster was recovered twice, apart", p.All[0].Where, newest, s.Where, s.Epoch()).
				WithHint("decide which of both is to live, and leave the other away")
		}
	}
	p.From = p.All[0]
	for _, s := range p.All {
		if p.From.behind(s) {
			p.From = s
		}
	}
	if p.From.Index == 0 {
		return nil, core.Faultf(core.CodeBadInput, "%s has nothing of the log: there is nothing to recover", p.Own.Where).
			WithHint("name the directories of other survivors")
	}
	if p.Own.alone() && p.From == p.Own && !force {
		p.Needless = fmt.Sprintf("%s is the only voter of epoch %v: it needs nobody else, start it", p.Own.Name, p.Own.Epoch())
		return p, nil
	}
	if here := p.votersHere((*Survivor).elects); len(here) > len(p.From.Voters)/2 && !force {
		return nil, core.Faultf(core.CodeNo, "%d of the %d voters are here (%s): a majority, which loses nothing", len(here), len(p.From.Voters), strings.Join(here, ", ")).
			WithHint("start them; --force recovers all the same")
	}
	p.Epoch = number.Next(r.Uint64())
	p.Index = p.From.Index + jump
	return p, nil
}

// votersHere are the names of the voters whose directories are among those
// compared, and of which something holds with regard to the furthest log.
func (p *Plan) votersHere(holds func(s, furthest *Survivor) bool) (names []string) {
	for _, v := range p.From.Voters {
		if slices.ContainsFunc(p.All, func(s *Survivor) bool { return s.Identity.Raft == uint64(v.Raft) && holds(s, p.From) }) {
			names = append(names, v.Name)
		}
	}
	return names
}

// Words explain the plan to whoever must decide, a paragraph each. Now is Unix
// time.
func (p *Plan) Words(now time.Time) []string {
	if p.Needless != "" {
		return []string{"Nothing to do: " + p.Needless + "."}
	}
	words := []string{p.wordsWhen(), p.wordsWhat(), p.wordsMissing(now)}
	if open := p.From.Ledger.Open(); open > 0 {
		words = append(words, fmt.Sprintf("Tasks: %d have not ended. All members count as down until they are back in the new epoch, so these tasks "+
			"are given out again; a --once task that had been given out becomes unknown.", open))
	}
	return append(words, "Afterwards: start this node as ever. On each other survivor, run hb recover --rejoin --data DIR, which puts its log aside "+
		"and deletes nothing, and start it with --seed and this node's address. Until then it is refused. "+
		"Take out those that never come back: hb forget NAME.")
}

func (p *Plan) wordsWhen() string {
	here := p.votersHere(func(_, _ *Survivor) bool { return true })
	var gone []string
	for _, v := range p.From.Voters {
		if !slices.Contains(here, v.Name) {
			gone = append(gone, strings.TrimSpace(v.Name+" "+v.Addr))
		}
	}
	slices.Sort(gone) // by name: the order of raft IDs tells nobody anything
	if len(here) > len(p.From.Voters)/2 {
		return p.wordsWhenDoubtful(gone)
	}
	return fmt.Sprintf("When: only if the majority of the %d voters is gone for good. Not here: %s. If enough of them can come back, "+
		"start them instead, and nothing is lost; if they run, and are only cut off, this makes two clusters of one.",
		len(p.From.Voters), strings.Join(gone, ", "))
}

// wordsWhenDoubtful is about a majority that cannot elect a leader.
func (p *Plan) wordsWhenDoubtful(gone []string) string {
	unfit := p.votersHere(func(s, furthest *Survivor) bool { return !s.elects(furthest) })
	text := fmt.Sprintf("When: a majority of the %d voters is here, but on %s the end of the log is missing or damaged, so that they elect nobody by themselves. ",
		len(p.From.Voters), strings.Join(unfit, ", "))
	if len(gone) == 0 {
		return text + "Start them all first: they settle that among each other, unless one of them cannot be started."
	}
	return text + fmt.Sprintf("Only if %s is gone for good: if it can come back, start it instead, and nothing is lost.", strings.Join(gone, ", "))
}

func (p *Plan) wordsWhat() string {
	log := "its own log"
	if p.From != p.Own {
		log = fmt.Sprintf("the log of %s (%s)", p.From.Name, p.From.Where)
	}
	return fmt.Sprintf("What: makes %s the only voter of cluster %s, with %s, all of it up to entry %d of term %d. That begins epoch %d, at entry %d, "+
		"so that no fence ever goes back. What %s holds now is copied to before-N in it.",
		p.Own.Name, p.From.Ledger.Name(), log, p.From.Index, p.From.Term, p.Epoch.Number(), p.Index, p.Own.Where)
}

func (p *Plan) wordsMissing(now time.Time) string {
	written := "never"
	if wall := p.From.Ledger.Wall(); wall != 0 {
		written = fmt.Sprintf("%s, %s ago", time.Unix(0, wall).UTC().Format(time.RFC3339), age(now.Sub(time.Unix(0, wall))))
	}
	text := fmt.Sprintf("What may be missing: whatever the voters that are not here agreed on after entry %d (last written %s): tasks, results and notes "+
		"that they acknowledged since.", p.From.Index, written)
	if p.From.Index > p.From.Commit {
		text += fmt.Sprintf(" Entries %d to %d were not known here to be agreed; they are kept, for they may have been.", p.From.Commit+1, p.From.Index)
	}
	return text
}

// age rounds a duration to what people want to know of it.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// Carry carries the plan out on the directory of Own, and gives where its old
// content is. The error is a *core.Fault.
func (p *Plan) Carry(files store.FS, r *rand.Rand) (kept string, err error) {
	st, found, err := store.Open(files)
	if err != nil {
		return "", err
	}
	defer st.Close()
	if !proto.Equal(found.Identity, p.Own.Identity) {
		return "", core.Faultf(core.CodeBusy, "%s is not what it was a moment ago", files.Path(""))
	}
	id := proto.CloneOf(found.Identity)
	id.Raft, id.Epoch = mint(r), uint64(p.Epoch)
	p.From.Ledger.Begin(p.Epoch, p.Index, core.NodeID(id.Node), core.RaftID(id.Raft))
	return write(files, st, id, p.From.Ledger, p.From.Term+1)
}

// write keeps what a directory holds, and makes it that of the only voter of a
// ledger's cluster.
func write(files store.FS, st *store.Store, id *wire.Identity, state *ledger.State, term uint64) (kept string, err error) {
	if kept, err = store.Backup(files); err != nil {
		return "", err
	}
	if err := st.SaveIdentity(id); err != nil {
		return kept, err
	}
	return kept, st.SaveSnapshot(alone(id, state, term), state.Applied()+1, true)
}

// alone is the snapshot from which a node starts as the only voter.
func alone(id *wire.Identity, state *ledger.State, term uint64) *raftpb.Snapshot {
	return replog.Alone(core.RaftID(id.Raft), state.Applied(), term, state.Encode())
}

// mint draws an ID that the engine does not reserve.
func mint(r *rand.Rand) uint64 {
	for {
		if v := r.Uint64(); v != 0 && v < 1<<64-2 {
			return v
		}
	}
}
