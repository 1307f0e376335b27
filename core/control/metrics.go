package control

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/metric"
	"hb/core/node"
)

// Meter is a Backend that has figures of its own, besides the node's.
type Meter interface {
	Figures() []metric.Family
}

// NewMetrics makes the handler of GET /metrics alone, for a server that anybody
// on this machine may ask.
func NewMetrics(b Backend) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", server{b}.metrics)
	return mux
}

// metrics answers with Prometheus' text.
func (s server) metrics(w http.ResponseWriter, r *http.Request) {
	families, err := s.families(r.Context())
	if err != nil {
		refuse(w, faultOf(err))
		return
	}
	text := metric.Text(families)
	w.Header()["Content-Type"] = []string{metric.ContentType}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.Write(text)
}

func (s server) families(ctx context.Context) ([]metric.Family, error) {
	v, err := one[node.FiguresView](ctx, s, node.GetFigures{})
	if err != nil {
		return nil, err
	}
	families := append(clusterFigures(&v), nodeFigures(&v)...)
	if m, is := s.backend.(Meter); is {
		families = append(families, m.Figures()...)
	}
	return families, nil
}

// clusterFigures are about the cluster, as this node sees it: to be compared
// between nodes, not summed.
func clusterFigures(v *node.FiguresView) []metric.Family {
	st := &v.Status
	believed := []string{core.Alive.String(), core.Suspect.String(), core.Dead.String(), core.Left.String(), core.Unreachable.String()}
	return []metric.Family{
		metric.Gauge("hb_cluster_has_leader", "Whether this node knows of a leader (1) or not (0).", metric.Truth(st.Leader.ID != 0)),
		metric.Gauge("hb_cluster_voters", "Members that vote.", float64(len(st.Voters))),
		metric.Gauge("hb_cluster_survives_voters", "Voters that may be lost without losing the majority, when all are there.", float64(max(0, (len(st.Voters)-1)/2))),
		metric.By("hb_members", "Members by what this node believes of them.", "gauge", "status", believed, v.Believed),
		metric.By("hb_members_agreed", "Members by what the log says of them.", "gauge", "state", node.States(), v.Agreed),
		metric.Gauge("hb_tasks_queued", "Tasks that wait for a member.", float64(st.Work.Queued)),
		metric.Gauge("hb_tasks_assigned", "Tasks that a member has and has not reported yet.", float64(st.Work.Granted)),
		metric.By("hb_tasks_ended_total", "Tasks that ended since this node started, on any member, by how.", "counter", "status", ledger.Finals(), st.Work.Ended),
		metric.Gauge("hb_locks", "Locks that somebody has.", float64(v.Locks)),
		metric.Gauge("hb_schedules", "Schedules that are defined.", float64(v.Schedules)),
		metric.Gauge("hb_leader_term", "Term of the log.", float64(st.Term)),
		metric.Counter("hb_leader_changes_total", "Leaders that this node has seen since it started.", float64(v.Leaders)),
		metric.Gauge("hb_log_commit_index", "Index up to which the log is committed, as this node knows.", float64(st.Commit)),
		metric.Gauge("hb_log_applied_index", "Index up to which this node has applied the log.", float64(st.Applied)),
	}
}

// nodeFigures are about this node.
func nodeFigures(v *node.FiguresView) []metric.Family {
	st := &v.Status
	health := map[string]int{st.Health: 1}
	info := metric.Gauge("hb_build_info", "Always 1; the label says which version of hb this is.", 1)
	info.Samples[0].Of = [2]string{"version", st.Version}
	families := []metric.Family{
		info,
		metric.By("hb_health", "1 for the state that this node is in.", "gauge", "state", []string{"healthy", "degraded", "isolated", "no-quorum"}, health),
		metric.Gauge("hb_is_leader", "Whether this node leads (1) or not (0).", metric.Truth(st.Leader.Self)),
		metric.Counter("hb_elected_total", "Elections that this node has won since it started.", float64(v.Led)),
		metric.Gauge("hb_is_voter", "Whether this node votes (1) or not (0).", metric.Truth(st.Role == "leader" || st.Role == "voter")),
		metric.Gauge("hb_is_drained", "Whether new tasks are kept from this node (1) or not (0).", metric.Truth(v.Drained)),
		metric.Gauge("hb_isolated", "Whether this node hears nobody (1) or not (0).", metric.Truth(v.Isolated)),
		metric.Gauge("hb_stress_ratio", "How much this machine is used by whatever runs on it, from 0 to 1.", float64(st.Stress)/1000),
		metric.Gauge("hb_disk_stalled", "Whether the disk has taken an append and not finished it for two seconds (1) or not (0).", metric.Truth(v.Stalled)),
		metric.By("hb_refused_total", "Datagrams and frames that were dropped, by why.", "counter", "reason", node.Refusals(), v.Refused),
		{Name: "hb_waiting", Help: "What waits in this node: proposals for the log, reads for a quorum, requests of local clients for an answer.", Kind: "gauge", Samples: []metric.Sample{
			{Of: [2]string{"what", "proposals"}, Value: float64(v.Proposals)},
			{Of: [2]string{"what", "reads"}, Value: float64(v.Reads)},
			{Of: [2]string{"what", "requests"}, Value: float64(v.Requests)},
		}},
		metric.Gauge("hb_datagram_keys", "Generations of the key that datagrams are sealed with; 0: they are not.", float64(v.Keys)),
		metric.Gauge("hb_uptime_seconds", "How long ago this node started.", st.Uptime.Seconds()),
	}
	if v.CertifiedUntil != 0 {
		families = append(families, metric.Gauge("hb_certificate_expiry_timestamp_seconds",
			"Unix time at which this node's certificate ends. It is renewed by itself long before.", float64(v.CertifiedUntil)/float64(time.Second)))
	}
	return families
}
