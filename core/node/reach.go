package node

import (
	"time"

	"hb/core"
)

// The answers of Probe and ProbeMesh.
type (
	// ProbeView is how a node could be reached.
	ProbeView struct {
		Target   string
		UDP, TCP Reach
		Via      []Reach
	}

	// Reach is one way to a node.
	Reach struct {
		Node  string // the helper's name, for Via
		OK    bool
		RTT   time.Duration
		Error string
	}

	// MeshView is who heard whom. Pairs has each ordered pair of members.
	MeshView struct {
		Members []MeshMember
		Pairs   []MeshPair
	}

	// MeshMember is one member of a mesh; Answered says that its own view came.
	MeshMember struct {
		ID             core.NodeID
		Name           string
		Self, Answered bool
	}

	// MeshPair is what became of packets in one direction.
	MeshPair struct {
		From, To core.NodeID
		// Known says that Arrives is: To has told what it heard, or From was
		// answered.
		Known, Arrives bool
		// RTT is the round trip of From's ping; negative: none was answered.
		RTT time.Duration
		// Status is what From believes of To; 0: it has not told.
		Status core.Status
	}
)
