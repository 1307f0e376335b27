package ledger

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"hb/core"
	"hb/core/wire"
)

// This file is who may be a member of a cluster with an authority: tokens let
// machines in, admitted machines get certificates, and voters the authority's
// key. A cluster without one (--dev) has none of that.

const (
	// KeepTokens bounds the tokens; of those that let nobody in any more the
	// oldest go first, so that as long as possible it can be said why.
	KeepTokens = 1000
	// MaxTokenLife is the longest that a token may be good for.
	MaxTokenLife = 10 * 365 * 24 * time.Hour

	tokenIDBytes = 5
	hashBytes    = 32
	keyBytes     = 32
	maxNameBytes = 63
	maxCertBytes = 8 << 10
	maxSealBytes = 1 << 10
)

// admission is the part of the ledger about all this.
type admission struct {
	authority   []byte            // the CA's certificate; empty: there is none
	tokens      []*wire.JoinToken // in the order of their making
	credentials map[core.NodeID]*wire.Credential
}

// Trust makes the ledger that of a cluster with an authority, whose certificate
// this is, with its first member and its first token, which that member knows.
func (s *State) Trust(authority []byte, founder *wire.Credential, first *wire.JoinToken) {
	founder.Token = first.Id
	s.admission.authority = authority
	s.admission.credentials = map[core.NodeID]*wire.Credential{core.NodeID(founder.Node): founder}
	s.admission.tokens = []*wire.JoinToken{first}
	s.features = max(s.features, core.FeaturesCredentials)
}

// Authority is the certificate of the cluster's CA; empty when it has none.
func (s *State) Authority() []byte { return s.admission.authority }

// Tokens are all join tokens that are remembered, in the order of their making.
func (s *State) Tokens() []*wire.JoinToken { return s.admission.tokens }

// Credential finds what is kept of a member that was let in.
func (s *State) Credential(id core.NodeID) (*wire.Credential, bool) {
	c, ok := s.admission.credentials[id]
	return c, ok
}

// Credentials are those of all who were let in, sorted by ID.
func (s *State) Credentials() []*wire.Credential {
	list := make([]*wire.Credential, 0, len(s.admission.credentials))
	for _, c := range s.admission.credentials { // sorted below
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *wire.Credential) int { return cmp.Compare(a.Node, b.Node) })
	return list
}

// applyToAdmission carries out a command about tokens and certificates, and says
// whether it was one.
func (s *State) applyToAdmission(o *Outcome) bool {
	var verdict *wire.Verdict
	switch b := o.Command.GetBody().(type) {
	case *wire.Command_CreateToken:
		verdict = s.createToken(b.CreateToken)
	case *wire.Command_RevokeToken:
		verdict = s.revokeToken(b.RevokeToken)
	case *wire.Command_Admit:
		verdict = s.admit(o, b.Admit)
	case *wire.Command_Certify:
		verdict = s.certify(b.Certify)
	case *wire.Command_Recertify:
		verdict = s.recertify(core.NodeID(o.Command.Proposer), b.Recertify)
	case *wire.Command_Entrust:
		verdict = s.entrust(b.Entrust)
	default:
		return false
	}
	o.Verdict = verdict
	return true
}

// noAuthority refuses what only a cluster with an authority can do.
func (s *State) noAuthority() *wire.Verdict {
	if len(s.admission.authority) > 0 {
		return nil
	}
	v := refuse(core.CodeNo, "this cluster has no credentials: it was founded with --dev")
	v.Hint = "hb init founds one that others can join"
	return v
}

func (s *State) createToken(c *wire.CreateToken) *wire.Verdict {
	if v := s.noAuthority(); v != nil {
		return v
	}
	switch {
	case len(c.GetId()) != tokenIDBytes || len(c.Hash) != hashBytes:
		return refuse(core.CodeBadInput, "a token with an ID of %d and a hash of %d bytes", len(c.GetId()), len(c.GetHash()))
	case c.TtlNanos <= 0 || c.TtlNanos > int64(MaxTokenLife):
		return refuse(core.CodeBadInput, "a token for %v: more than nothing and at most %v is meant", time.Duration(c.TtlNanos), MaxTokenLife)
	}
	if t := s.token(c.Id); t != nil {
		if bytes.Equal(t.Hash, c.Hash) {
			return nil // the same command again
		}
		return refuse(core.CodeBusy, "there is a token with the ID %x", c.Id)
	}
	if !s.roomForToken() {
		return refuse(core.CodeBusy, "there are %d tokens that are good, and no more are kept", KeepTokens)
	}
	s.admission.tokens = append(slices.Clip(s.admission.tokens), &wire.JoinToken{
		Id: c.Id, Hash: c.Hash, CreatedNanos: s.wall, ExpiresNanos: s.wall + c.TtlNanos, Uses: c.Uses,
	})
	return nil
}

// roomForToken makes room by the oldest token that lets nobody in any more.
func (s *State) roomForToken() bool {
	if len(s.admission.tokens) < KeepTokens {
		return true
	}
	i := slices.IndexFunc(s.admission.tokens, func(t *wire.JoinToken) bool { return whyNotBy(t, s.wall) != nil })
	if i < 0 {
		return false
	}
	s.admission.tokens = slices.Delete(slices.Clone(s.admission.tokens), i, i+1)
	return true
}

// token finds a token.
func (s *State) token(id []byte) *wire.JoinToken {
	for _, t := range s.admission.tokens {
		if bytes.Equal(t.Id, id) {
			return t
		}
	}
	return nil
}

// setToken replaces a token by another version of it.
func (s *State) setToken(old, next *wire.JoinToken) {
	s.admission.tokens = slices.Clone(s.admission.tokens)
	s.admission.tokens[slices.Index(s.admission.tokens, old)] = next
}

func (s *State) revokeToken(c *wire.RevokeToken) *wire.Verdict {
	t := s.token(c.GetId())
	if t == nil {
		return refuse(core.CodeUnheard, "no token has the ID %x", c.GetId())
	}
	if !t.Revoked {
		next := proto.CloneOf(t)
		next.Revoked = true
		s.setToken(t, next)
	}
	return nil
}

// whyNotBy says why a token lets nobody in any more at a time; nil if it does.
func whyNotBy(t *wire.JoinToken, wall int64) *wire.Verdict {
	switch {
	case t.Revoked:
		return refuse(core.CodeDenied, "token %x was revoked", t.Id)
	case wall >= t.ExpiresNanos:
		return refuse(core.CodeDenied, "token %x expired at %s; the clock of the cluster's leader says %s", t.Id, core.Stamp(t.ExpiresNanos), core.Stamp(wall))
	case t.Uses > 0 && t.Used >= t.Uses:
		return refuse(core.CodeDenied, "token %x is used up: %d of %d machines have joined by it", t.Id, t.Used, t.Uses)
	}
	return nil
}

// admit judges a machine that wants in. The same machine by the same token is let
// in once more, and not counted twice, even when the token lets no further one
// in: its first answer may have been lost.
func (s *State) admit(o *Outcome, c *wire.Admit) *wire.Verdict {
	if v := s.noAuthority(); v != nil {
		return v
	}
	if c.GetNode() == 0 || len(c.SignKey) != keyBytes || len(c.WrapKey) != keyBytes || c.Name == "" || len(c.Name) > maxNameBytes {
		return refuse(core.CodeBadInput, "a machine without a usable ID, name or key")
	}
	k, v := s.knock(c, s.wall)
	if v != nil {
		return v
	}
	id, t, old := core.NodeID(c.Node), k.token, k.old
	if v := s.whyNotIdentity(c, old); v != nil {
		return v
	}
	if v := s.takeName(o, c); v != nil {
		return v
	}
	if k.served {
		return nil
	}
	if !k.again {
		next := proto.CloneOf(t)
		next.Used++
		s.setToken(t, next)
	}
	fresh := &wire.Credential{
		Node: c.Node, Name: c.Name, SignKey: c.SignKey, WrapKey: c.WrapKey, Token: t.Id, Index: s.applied,
	}
	if old != nil {
		fresh.Authority = old.Authority
	}
	s.admission.credentials[id] = fresh
	return nil
}

// knock is how a machine comes: by which token, what is known of it, whether it
// has come by that token before, and whether it needs nothing but what it was
// given then.
type knock struct {
	token         *wire.JoinToken
	old           *wire.Credential
	again, served bool
}

// knock judges a machine's token at a time.
func (s *State) knock(c *wire.Admit, wall int64) (k knock, v *wire.Verdict) {
	k.token = s.token(c.Token)
	if k.token == nil || !bytes.Equal(k.token.Hash, c.Hash) {
		v := refuse(core.CodeDenied, "token %x is none of this cluster's", c.Token)
		v.Hint = "it was made long ago or before a recovery: hb token create, on a member, makes another"
		return k, v
	}
	k.old = s.admission.credentials[core.NodeID(c.Node)]
	k.again = k.old != nil && bytes.Equal(k.old.Token, k.token.Id) && sameKeys(k.old, c)
	k.served = k.again && k.old.Name == c.Name && (len(k.old.Certificate) == 0 || k.old.UntilNanos-wall > int64(renewable))
	if v := whyNotBy(k.token, wall); v != nil && (!k.served || k.token.Revoked) {
		v.Hint = "hb token create, on a member, makes another"
		return k, v
	}
	return k, nil
}

// WouldAdmit says why a machine would not be let in at a time, and changes nothing;
// nil if it would. A machine that has no ID yet, and no keys, may ask too.
func (s *State) WouldAdmit(c *wire.Admit, wall int64) *wire.Verdict {
	if v := s.noAuthority(); v != nil {
		return v
	}
	k, v := s.knock(c, wall)
	if v != nil {
		return v
	}
	if c.Node != 0 {
		if v := s.whyNotIdentity(c, k.old); v != nil {
			return v
		}
	}
	return s.whyNotName(c)
}

// renewable is what a certificate must have left for a machine that is let in
// again to be given the one it has; else it gets a further one.
const renewable = 24 * time.Hour

func sameKeys(c *wire.Credential, a *wire.Admit) bool {
	return bytes.Equal(c.SignKey, a.SignKey) && bytes.Equal(c.WrapKey, a.WrapKey)
}

// whyNotIdentity keeps a machine from coming under an ID that is not, or not any
// more, its own.
func (s *State) whyNotIdentity(c *wire.Admit, old *wire.Credential) *wire.Verdict {
	if t, was := s.graves[core.NodeID(c.Node)]; was {
		v := refuse(core.CodeBadInput, "%s (%v) was forgotten by its cluster, in entry %d", t.Name, core.NodeID(c.Node), t.Index)
		v.Hint = "to join again, as a new node, move its data directory away first"
		return v
	}
	if m, there := s.members[core.NodeID(c.Node)]; old != nil && !sameKeys(old, c) || old == nil && there && m.State != Left {
		return refuse(core.CodeBadInput, "the ID %v is another machine's: the keys are not those that were let in under it", core.NodeID(c.Node))
	}
	return nil
}

// takeName refuses a name that another has, unless that one is dead and to be
// forgotten.
func (s *State) takeName(o *Outcome, c *wire.Admit) *wire.Verdict {
	if v := s.whyNotName(c); v != nil {
		return v
	}
	holder, _ := s.holderOf(c.Name, core.NodeID(c.Node))
	if holder == 0 {
		return nil
	}
	if m, there := s.members[holder]; there {
		s.forgetMember(o, &wire.Forget{Node: uint64(holder), Instance: m.Row.Instance})
		return o.Verdict
	}
	s.bury(&wire.Tombstone{Node: uint64(holder), Name: c.Name, Index: s.applied})
	delete(s.admission.credentials, holder)
	return nil
}

// whyNotName refuses a name that another has and keeps.
func (s *State) whyNotName(c *wire.Admit) *wire.Verdict {
	holder, state := s.holderOf(c.Name, core.NodeID(c.Node))
	switch {
	case holder == 0:
		return nil
	case state == Up:
		v := refuse(core.CodeBadInput, "the name %s is taken by a living member (%v)", c.Name, holder)
		v.Hint = "choose another with --name"
		return v
	case !c.Replace:
		v := refuse(core.CodeBadInput, "the name %s is taken by a member that is down (%v)", c.Name, holder)
		v.Hint = "choose another with --name; or --replace, to forget that one for good"
		return v
	}
	return nil
}

// holderOf finds who else has a name: somebody in the directory who has not left,
// or was let in and has not come yet.
func (s *State) holderOf(name string, not core.NodeID) (core.NodeID, string) {
	for _, id := range s.ids {
		if m := s.members[id]; m.Row.Name == name && m.State != Left && id != not {
			return id, m.State
		}
	}
	for _, c := range s.Credentials() {
		id := core.NodeID(c.Node)
		if _, there := s.members[id]; c.Name == name && id != not && !there {
			return id, Down
		}
	}
	return 0, ""
}

// change puts another version of a credential in the place of one.
func (s *State) change(old *wire.Credential, how func(*wire.Credential)) {
	next := proto.CloneOf(old)
	how(next)
	s.admission.credentials[core.NodeID(next.Node)] = next
}

// certify keeps a certificate that somebody waits for. A second one, by another
// voter, comes too late and is dropped.
func (s *State) certify(c *wire.Certify) *wire.Verdict {
	old, known := s.admission.credentials[core.NodeID(c.GetNode())]
	switch {
	case !known || !bytes.Equal(old.SignKey, c.SignKey):
		return refuse(core.CodeUnheard, "nobody with this key was let in as %v", core.NodeID(c.GetNode()))
	case len(c.Certificate) == 0 || len(c.Certificate) > maxCertBytes:
		return refuse(core.CodeBadInput, "a certificate of %d bytes", len(c.Certificate))
	case len(old.Certificate) > 0:
		return nil
	}
	s.change(old, func(n *wire.Credential) { n.Certificate, n.UntilNanos = c.Certificate, c.UntilNanos })
	return nil
}

// recertify drops a member's certificate from the ledger, so that a further one is
// made. The one it has goes on to hold.
func (s *State) recertify(by core.NodeID, c *wire.Recertify) *wire.Verdict {
	old, known := s.admission.credentials[core.NodeID(c.GetNode())]
	switch {
	case !known:
		return refuse(core.CodeUnheard, "%v was not let in", core.NodeID(c.GetNode()))
	case by != core.NodeID(c.Node):
		return refuse(core.CodeDenied, "%v asks for a certificate of %v", by, core.NodeID(c.Node))
	case len(old.Certificate) > 0 && old.UntilNanos == c.UntilNanos:
		s.change(old, func(n *wire.Credential) { n.Certificate, n.UntilNanos = nil, 0 })
	}
	return nil
}

func (s *State) entrust(c *wire.Entrust) *wire.Verdict {
	old, known := s.admission.credentials[core.NodeID(c.GetNode())]
	switch {
	case !known || !bytes.Equal(old.WrapKey, c.WrapKey):
		return refuse(core.CodeUnheard, "nobody with this key was let in as %v", core.NodeID(c.GetNode()))
	case len(c.Sealed) > maxSealBytes:
		return refuse(core.CodeBadInput, "a sealed key of %d bytes", len(c.Sealed))
	}
	s.change(old, func(n *wire.Credential) { n.Authority = c.Sealed })
	return nil
}

// admitted says why somebody may not be a member; nil if he may.
func (s *State) admitted(row *wire.Row) *wire.Verdict {
	if len(s.admission.authority) == 0 {
		return nil
	}
	if _, ok := s.admission.credentials[core.NodeID(row.Id)]; !ok {
		return refuse(core.CodeDenied, "%s (%v) was not let in", row.Name, core.NodeID(row.Id))
	}
	return nil
}

// loadAdmission checks and takes what a snapshot says of all this.
func (s *State) loadAdmission(l *wire.Ledger) error {
	s.admission = admission{authority: l.Authority, tokens: l.Tokens, credentials: map[core.NodeID]*wire.Credential{}}
	if len(l.Authority) == 0 && len(l.Tokens)+len(l.Credentials) > 0 {
		return fmt.Errorf("%d tokens and %d credentials without an authority", len(l.Tokens), len(l.Credentials))
	}
	for _, c := range l.Credentials {
		id := core.NodeID(c.Node)
		if _, twice := s.admission.credentials[id]; twice {
			return fmt.Errorf("member %v was let in twice", id)
		}
		s.admission.credentials[id] = c
	}
	return s.checkAdmission()
}

// checkAdmission is Check's part about all this.
func (s *State) checkAdmission() error {
	seen := map[string]bool{}
	for _, t := range s.admission.tokens {
		if len(t.Id) != tokenIDBytes || len(t.Hash) != hashBytes || seen[string(t.Id)] || t.Uses > 0 && t.Used > t.Uses {
			return fmt.Errorf("token %x: %d bytes of hash, used by %d of %d, or there twice", t.Id, len(t.Hash), t.Used, t.Uses)
		}
		seen[string(t.Id)] = true
	}
	if len(s.admission.tokens) > KeepTokens {
		return fmt.Errorf("%d tokens", len(s.admission.tokens))
	}
	for _, c := range s.Credentials() {
		_, buried := s.graves[core.NodeID(c.Node)]
		if c.Node == 0 || buried || len(c.SignKey) != keyBytes || len(c.WrapKey) != keyBytes || c.Name == "" {
			return fmt.Errorf("the credential of %v (%q) has keys of %d and %d bytes, or it was forgotten", core.NodeID(c.Node), c.Name, len(c.SignKey), len(c.WrapKey))
		}
	}
	return nil
}
