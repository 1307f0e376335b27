package core

// Features is a feature level: what of the log a program can carry out. It
// rises with every change after which older programs could not follow the log:
// a new command, a new field of one, another meaning of either. All members of
// a cluster must apply the log alike, so that the cluster has a level too, in
// the log: the highest that every member reaches, those that are down included,
// for they shall be able to come back. What a level brought is proposed only
// once the cluster is there. Zero is a program from before there were levels.
type Features uint16

// FeaturesNow is the level of this program. Whoever raises it adds a line here:
//
//	1	hb 0.1
//	2	authority, tokens and certificates
//	3	tasks by name: Offer, Spec.args; locks; a drain keeps the wish about a vote
//	4	members say what they cannot run, and why: Offer.unable; who is forgotten takes
//		the token that it came by along
const FeaturesNow Features = 4

// What came with which level: what is of a higher one than the cluster's is neither
// proposed nor applied otherwise than before.
const (
	FeaturesCredentials Features = 2 // authority, tokens and certificates
	FeaturesNamedTasks  Features = 3 // members say what they run
	FeaturesLocks       Features = 3
	FeaturesWishLasts   Features = 3 // a drain keeps the wish about a vote
	FeaturesUnable      Features = 4 // members say what they cannot run
	FeaturesForgetToken Features = 4 // a token is revoked with a member that came by it
)
