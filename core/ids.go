package core

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strconv"
)

// NodeID names one node for as long as its data directory lives. It is random
// and minted with the directory; names and addresses are labels that may
// change. Zero is nobody. Printed as 16 hexadecimal digits.
type NodeID uint64

// String gives the 16 hexadecimal digits by which users see the ID.
func (id NodeID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// ParseNodeID reads what String printed.
func ParseNodeID(s string) (NodeID, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 || v == 0 {
		return 0, fmt.Errorf("%q is not a node ID (16 hexadecimal digits)", s)
	}
	return NodeID(v), nil
}

// RaftID names a node to the consensus engine. It is not the NodeID: a node
// whose log was damaged comes back under a new RaftID, because the old one may
// have promised what the new one no longer knows. Never reused; zero is nobody.
type RaftID uint64

// String gives 16 hexadecimal digits.
func (id RaftID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// ClusterID is the random identity of a cluster, minted once when it is
// founded. Zero means "not in a cluster yet".
type ClusterID [16]byte

// IsZero says whether no cluster has been joined yet.
func (id ClusterID) IsZero() bool { return id == ClusterID{} }

// String gives 32 hexadecimal digits.
func (id ClusterID) String() string { return hex.EncodeToString(id[:]) }

// ParseClusterID reads what String printed.
func ParseClusterID(s string) (ClusterID, error) {
	var id ClusterID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not a cluster ID (32 hexadecimal digits)", s)
	}
	copy(id[:], b)
	return id, nil
}

// Epoch tells the histories of one cluster apart. Zero is the one it was
// founded with. A recovery, or a snapshot that is restored, begins another:
// what a lost majority had agreed on may be missing from it, so nobody of an
// older epoch may take part any more. The upper 16 bits count; the lower 48 are
// random, so that two recoveries made apart are never taken for one.
type Epoch uint64

// Number counts the epochs of a cluster.
func (e Epoch) Number() uint64 { return uint64(e) >> 48 }

// Next is an epoch after this one; of random 48 bits count.
func (e Epoch) Next(random uint64) Epoch { return Epoch((e.Number()+1)<<48 | random&(1<<48-1)) }

// String gives the number, and the random part where there is one.
func (e Epoch) String() string {
	if e == 0 {
		return "0"
	}
	return fmt.Sprintf("%d-%012x", e.Number(), uint64(e)&(1<<48-1))
}

// TaskID names one submitted task. The client mints it, time-ordered (48 bits
// of Unix milliseconds, then 80 random bits), so that a repeated submit after
// a lost answer is recognised. Printed as 26 characters that sort by time.
type TaskID [16]byte

var taskText = base32.HexEncoding.WithPadding(base32.NoPadding)

// IsZero says whether the ID names no task.
func (id TaskID) IsZero() bool { return id == TaskID{} }

// String gives the 26 lower-case characters by which users see the ID.
func (id TaskID) String() string {
	b := []byte(taskText.EncodeToString(id[:]))
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// MintTaskID makes an ID from Unix milliseconds and ten random bytes.
func MintTaskID(unixMilli int64, random [10]byte) TaskID {
	var id TaskID
	for i := range 6 {
		id[i] = byte(unixMilli >> (40 - 8*i))
	}
	copy(id[6:], random[:])
	return id
}

// ParseTaskID reads what String printed, in either case.
func ParseTaskID(s string) (TaskID, error) {
	var id TaskID
	up := []byte(s)
	for i, c := range up {
		if c >= 'a' && c <= 'z' {
			up[i] = c - 'a' + 'A'
		}
	}
	b, err := taskText.DecodeString(string(up))
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not a task ID (26 characters 0-9a-v)", s)
	}
	copy(id[:], b)
	return id, nil
}

// Fence is the token of a grant: the log index that granted it times 2²⁰ plus
// the position in that entry, so that later grants always compare greater and
// a shell can compare them. Zero grants nothing.
type Fence uint64

// NewFence makes the fence of the command at a position of a log entry.
func NewFence(index uint64, position int) Fence { return Fence(index<<20 | uint64(position)) }

// Index is the log index that granted the fence.
func (f Fence) Index() uint64 { return uint64(f) >> 20 }

// String gives one decimal number.
func (f Fence) String() string { return strconv.FormatUint(uint64(f), 10) }
