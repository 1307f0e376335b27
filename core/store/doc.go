// Package store keeps what a node must not forget: who it is, the write-ahead
// log of the consensus engine, snapshots of what the log means, and the journal
// of the tasks that run on this machine.
//
// # The one aim
//
// Raft is safe only as long as no voter forgets what it promised. A log that
// takes damage for its end forgets, and says nothing: a single flipped bit has
// made replicated systems drop acknowledged writes by the hundred thousand. So
// this package tells three things apart:
//
//   - the end: behind the last frame there is nothing but zeros;
//   - a torn tail: the last frame is bad and nothing comes after it. Most likely
//     the power went before it was synced, and then it promised nothing. But a
//     frame that was synced and rotted later looks the same, so its header, which
//     has a checksum of its own and a copy behind the payload, tells which
//     position it claimed: Restored.Doubt;
//   - damage: anything else, and above all a bad frame with a later one behind
//     it. Since frame k+1 is written only after frame k is synced, the later
//     frame proves that the bad one was durable once: Restored.Damaged.
//
// A damaged log is not written to until the node has a new raft ID: the old one
// may have promised what is not known any more. An empty or missing log never
// counts as "I have nothing", as long as there is an identity.
//
// # In the directory
//
//	id                     wire.Identity, written once             sealed.go
//	instance               how often the node was started          sealed.go
//	wal/NUMBER.wal         segments of the log                     segment.go, frame.go
//	snap/TERM-INDEX.snap   snapshots, with a hash at the end       snapshot.go
//	journal/NUMBER.wal     segments of the runner's journal        journal.go
//	aside-N/               what a node that left its cluster had   aside.go
//	before-N/              the whole as it was before a recovery   copy.go
//	lock                   flock of the process that uses it       os.go
//	*.part                 not finished; the next start removes it
//
// # Segments and frames
//
// A segment is made in full length, zeros really written and synced, before it
// gets its name; so a later sync has only data to write (no extents, no length),
// and a segment that is too short is damaged, not young. It has a random salt,
// which each of its frames repeats: bytes that lay on the disk before, or that
// somebody else put into a payload, are never taken for a frame. The first one
// is 256 KiB long, each next one twice as long, up to Options.Segment.
//
// A frame (frame.go has the layout) begins at a multiple of 64 bytes, so its
// header never lies in two sectors: a tear leaves it whole or all zero. That is
// how rot in the last header is told from a tear. One group commit is one frame,
// entries and hard state together: one write, one fdatasync.
//
// The first frame of a segment is a base: it restates the last hard state (in
// the journal: everything that is live), so older segments can be dropped. The
// last is a seal, synced before the next segment gets a frame; so a segment
// that is missing at the end is noticed too. After a tear or damage the log
// goes on in a new segment whose first frame is a resume: it names, by its
// sequence number, the break that it follows. Nothing bad is ever overwritten.
//
// # Crashes, one by one
//
//   - While a segment is made: a .part, or a segment without a frame, is removed.
//   - Between seal and first frame: the empty segment is the active one.
//   - While a resume is written: what was begun is passed over, its claims kept.
//   - Between a snapshot's rename and the Mark or the dropping of segments: the
//     next start compares both (settle.go) and writes the Mark if it is due.
//   - While segments are dropped: oldest first, each durably, so what is left
//     has no hole.
//   - While the journal compacts: the old segments go only after the base that
//     replaces them is synced.
//   - After a write and before its sync, or at a failed sync, when only the
//     process ends: the page cache then shows a frame that the disk may not
//     have. Every start writes the last frame again and syncs it (load.go).
//
// # Votes in a torn frame
//
// A header also tells the term of a hard state in its frame. If that one may
// have held a vote that is now lost, Restored.Hard gets the term with a vote for
// the node itself, which forbids any other and harms nobody.
//
// # Limits
//
// A last frame that vanishes whole, every sector of it zero again, leaves no
// trace; no format can tell it from one that was never written. Nor is a file
// that someone replaced by an older copy of itself, checksums and all, noticed
// unless a later one contradicts it. Reads are not checked again after the
// start. A store is used by one goroutine.
package store
