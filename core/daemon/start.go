package daemon

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"hb/core"
	"hb/core/node"
	"hb/core/pki"
	"hb/core/runnerd"
	"hb/core/store"
	"hb/netutil"
)

// open takes everything a node needs of its machine, or says in one line what
// is missing and gives back what it took.
func open(o Options) (d *daemon, fault *core.Fault) {
	credentials, fault := loadCredentials(o.DataDir)
	if credentials != nil && o.Name == "" {
		o.Name = credentials.now.Load().Identity.Name // whatever the host is called by now
	}
	if fault == nil {
		fault = o.complete()
	}
	if fault == nil {
		fault = o.guarded(credentials != nil)
	}
	if fault != nil {
		return nil, fault
	}
	d = &daemon{options: o, queue: newQueue(), logger: newLogger(), credentials: credentials, herald: newHerald(o.Notify), figures: newFigures()}
	d.seeds.Store(&o.Seeds)
	d.ctx, d.quit = context.WithCancel(context.Background())
	defer func() {
		if fault != nil {
			d.abandon()
		}
	}()
	// The data directory first: its lock keeps a second node with the same
	// configuration away from everything else.
	files, err := store.OS(o.DataDir)
	if err != nil {
		return d, faultOf(err)
	}
	st, restored, fault := openStore(files, &o, d.logger.line)
	if fault != nil {
		return d, fault
	}
	d.disk, d.files = st, files
	if fault := d.agreeWith(&restored); fault != nil {
		return d, fault
	}
	d.writer = &diskWriter{disk: st, box: newMailbox[node.Effect](), tell: d.queue.tell, log: d.logger.line, quit: d.ctx.Done(), figures: d.figures}
	if fault := d.openNetwork(); fault != nil {
		return d, fault
	}
	if fault := d.openSocket(); fault != nil {
		return d, fault
	}
	if fault := d.openMetrics(); fault != nil {
		return d, fault
	}
	if fault := d.openTasks(core.NodeID(restored.Identity.GetNode()), restored.JournalDamaged != nil); fault != nil {
		return d, fault
	}
	unconfined := ""
	if err := runnerd.Confine(o.DataDir); err != nil {
		unconfined = err.Error()
		d.logger.line(false, "tasks get no cgroups here: "+unconfined+"; "+runnerd.Unconfined)
	}
	d.machine = node.New(node.Options{
		Name: d.options.Name, Version: o.Version, Addr: d.options.Advertise, Tags: o.Tags, Offer: d.tasks.may.offer(),
		Detector: o.Detector, Spread: o.Spread, Period: o.Period, Slots: d.options.Slots, Unconfined: unconfined,
		Plain: d.credentials == nil, Vault: d.credentials.vault(),
		Notary: d.credentials.notary(), CertifiedUntil: d.credentials.until(), RenewBefore: pki.RenewBefore,
		Seeds: len(o.Seeds) > 0 || o.Reload != nil, Beacons: d.network.beacon != nil, Rand: newRand(),
	}, restored)
	return d, nil
}

// abandon gives back what a failed start had taken.
func (d *daemon) abandon() {
	d.quit()
	if d.socket != nil {
		d.socket.Close()
	}
	if d.scraped != nil {
		d.scraped.Close()
	}
	if d.network != nil {
		d.network.closePools(0)
		d.network.close()
	}
	if d.disk != nil {
		d.disk.Close()
	}
}

// complete checks the options and fills in what was left out.
func (o *Options) complete() *core.Fault {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Slots <= 0 {
		o.Slots = slotsFor(runtime.NumCPU(), ownCgroup().processors())
	}
	if o.BeaconPort == 0 {
		o.BeaconPort = netutil.BeaconPort
	}
	if o.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return core.Faultf(core.CodeConfig, "this machine has no name: %v", err).WithHint("give the node one with --name")
		}
		o.Name, _, _ = strings.Cut(host, ".")
	}
	if len(o.Bind) == 0 {
		o.Bind = []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), defaultPort)}
		if o.Dev {
			o.Bind = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)}
		}
	}
	if o.DataDir == "" || o.Socket == "" {
		return core.Faultf(core.CodeConfig, "a node needs a data directory and a socket")
	}
	return nil
}

// guarded keeps a node without credentials off the network.
func (o *Options) guarded(credentials bool) *core.Fault {
	switch {
	case o.Dev && credentials:
		return core.Faultf(core.CodeConfig, "%s holds credentials, and a --dev node has none", o.DataDir).
			WithHint("start it without --dev, or give another directory with --data")
	case credentials:
		return nil
	case !o.Dev && store.IsAside(o.DataDir):
		return core.Faultf(core.CodeConfig, "this machine has left its cluster: there are no credentials in %s any more", o.DataDir).
			WithHint("hb join TOKEN makes it a member again; systemctl disable hb.service keeps the next boot from starting it")
	case !o.Dev:
		return core.Faultf(core.CodeConfig, "this machine has no credentials: there are none in %s", o.DataDir).
			WithHint("hb init founds a cluster, hb join TOKEN joins one; hb node --dev needs none, on loopback")
	}
	for _, at := range o.Bind {
		if !at.Addr().IsLoopback() {
			return core.Faultf(core.CodeConfig, "without credentials a node may listen on loopback only, not on %v", at).
				WithHint("hb init or hb join gets a machine credentials")
		}
	}
	return nil
}

// agreeWith compares the credentials with what else the disk says of the node. Who
// is no member yet is whom its certificate names.
func (d *daemon) agreeWith(r *node.Restored) *core.Fault {
	if d.credentials == nil {
		return nil
	}
	if id := r.Identity; id != nil && len(id.Cluster) == len(core.ClusterID{}) {
		return d.credentials.fits(d.options.DataDir, core.NodeID(id.Node), core.ClusterID(id.Cluster))
	}
	r.Node = d.credentials.now.Load().Identity.Node
	return nil
}

// openStore opens the data directory, and founds a cluster in it if that is
// wanted and it belongs to none.
func openStore(files store.FS, o *Options, log func(bool, string)) (*store.Store, node.Restored, *core.Fault) {
	none := node.Restored{}
	st, found, err := store.Open(files)
	if err != nil {
		return nil, none, faultOf(err)
	}
	for _, remark := range found.Remarks {
		log(false, remark)
	}
	if found.JournalDamaged != nil {
		log(true, fmt.Sprintf("the journal of tasks was damaged; attempts may be forgotten: %v", found.JournalDamaged))
	}
	restored := node.Restored{
		Identity: found.Identity, Instance: found.Instance, Hard: found.Hard, Snapshot: found.Snapshot,
		Entries: found.Entries, Journal: found.Journal, Damaged: found.Damaged, JournalDamaged: found.JournalDamaged,
		JournalTorn: found.JournalTorn,
	}
	if found.Doubt != nil {
		restored.DoubtTerm, restored.DoubtIndex = found.Doubt.Term, found.Doubt.Index
	}
	if fault := foundCluster(st, &restored, o); fault != nil {
		st.Close()
		return nil, none, fault
	}
	return st, restored, nil
}

func foundCluster(st *store.Store, r *node.Restored, o *Options) *core.Fault {
	if !o.Found {
		return nil
	}
	if id := r.Identity; id != nil {
		if o.ClusterName != "" && id.ClusterName != o.ClusterName {
			return core.Faultf(core.CodeBadInput, "%s belongs to the cluster %q, not to %q", o.DataDir, id.ClusterName, o.ClusterName).
				WithHint("give another directory with --data, or leave that cluster first: hb leave")
		}
		return nil
	}
	r.Identity, r.Snapshot = node.Found(o.ClusterName, o.Voters, newRand())
	// The identity is last: it makes the directory a member's.
	if err := st.SaveSnapshot(r.Snapshot, r.Snapshot.GetMetadata().GetIndex(), true); err != nil {
		return diskFault(err)
	}
	if err := st.SaveIdentity(r.Identity); err != nil {
		return diskFault(err)
	}
	return nil
}

// openNetwork opens every socket but the local one, and settles the address
// that others shall use.
func (d *daemon) openNetwork() *core.Fault {
	o := &d.options
	d.network = &network{queue: d.queue, guard: d.credentials.guard(), stranger: d.stranger, log: d.logger.line, figures: d.figures}
	d.network.openPools()
	if fault := d.network.listen(o.Bind); fault != nil {
		return fault
	}
	bound := d.network.udp[0].Addr()
	if fault := o.settleAddress(bound); fault != nil {
		return fault
	}
	if !o.Beacons || d.credentials == nil || bound.Addr().IsLoopback() {
		return nil
	}
	return d.openBeacon()
}

func (d *daemon) openBeacon() *core.Fault {
	o := &d.options
	on, err := netutil.Interfaces(o.Interfaces)
	if err != nil {
		return core.Faultf(core.CodeConfig, "%v", err)
	}
	d.network.beacon, err = netutil.ListenBeacon(o.BeaconPort, o.Multicast, on)
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &errno):
		at := netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(o.BeaconPort))
		return bindFault("UDP", at, err).WithHint("beacons can be turned off; then name other nodes with --seed")
	}
	return core.Faultf(core.CodeConfig, "no beacons: %v", err).WithHint("beacons can be turned off; then name other nodes with --seed")
}

// settleAddress fills in the advertised address from the bound one.
func (o *Options) settleAddress(bound netip.AddrPort) *core.Fault {
	a := o.Advertise.Addr()
	switch {
	case a.IsValid() && !a.IsUnspecified():
	case !bound.Addr().IsUnspecified():
		a = bound.Addr()
	default:
		chosen, err := netutil.Advertise(o.Interfaces, bound.Addr().Is4())
		if err != nil {
			return core.Faultf(core.CodeConfig, "%v", err).WithHint("say where others reach this node with --advertise")
		}
		a = chosen
	}
	port := o.Advertise.Port()
	if port == 0 {
		port = bound.Port()
	}
	o.Advertise = netip.AddrPortFrom(a, port)
	return nil
}

func (d *daemon) openTasks(id core.NodeID, doubtful bool) *core.Fault {
	dir, err := filepath.Abs(d.options.DataDir)
	if err != nil {
		return diskFault(err)
	}
	d.tasks = &tasks{
		runner: runnerd.Options{DataDir: dir, Linger: lingering(&d.options), Build: d.options.Version},
		may:    openDefinitions(&d.options, d.logger.line), name: d.options.Name, id: id, doubtful: doubtful, live: map[core.Fence]int{},
		spawn: d.group.Go, tell: d.queue.tell, log: d.logger.line, quit: d.ctx.Done(),
		sessions: newMailbox[*session](), goodbye: make(chan bool, 1), over: make(chan struct{}),
	}
	if d.options.Nothing {
		d.nothing = &nothing{newMailbox[node.Event]()}
	}
	return nil
}

// newRand is a generator that nobody else has the seed of.
func newRand() *rand.Rand {
	var seed [16]byte
	crand.Read(seed[:])
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
}

// faultOf finds the fault in an error; any other is the disk's.
func faultOf(err error) *core.Fault {
	var f *core.Fault
	if errors.As(err, &f) {
		return f
	}
	return diskFault(err)
}

// diskFault is the one line with which a node ends whose disk fails.
func diskFault(err error) *core.Fault {
	return core.Faultf(core.CodeIO, "the disk of the data directory failed: %v", err).
		WithHint("the node stops, since it cannot keep what it promises; dmesg may tell more")
}
