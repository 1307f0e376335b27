package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core/control"
	"hb/core/runnerd"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "describe this node in one page",
		Description: `Describes the node behind the socket: who it is, whom it follows, how far it has
applied the log, and how many voters the cluster can still lose. HEALTH is
healthy, degraded (a voter is missing, or a member suspected), isolated (this
node hears nobody) or no-quorum.`,
		Action: plainWords(0, runStatus),
	}
}

func runStatus(c *call) error {
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	s, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if c.form == "table" {
		return render.Pairs(c.stdout, statusPage(s), c.width(), c.color())
	}
	return c.print(s, []any{s}, &render.Table{Rows: [][]string{{
		s.Name, s.ID, s.Health, s.Role, orEmpty(s.Leader.Name), orEmpty(s.Term), orEmpty(s.Commit),
		orEmpty(s.Applied), strconv.Itoa(len(s.Voters)), strconv.Itoa(s.Stress), strconv.FormatFloat(s.Uptime, 'f', 0, 64),
	}}})
}

func statusPage(s *control.Status) [][2]string {
	leader := "none known"
	if s.Leader.ID != nil {
		leader = fmt.Sprintf("%s (%s), term %s", orEmpty(s.Leader.Name), *s.Leader.ID, orEmpty(s.Term))
	}
	cluster := "none yet"
	if s.Cluster.ID != nil {
		cluster = fmt.Sprintf("%s (%s)", orEmpty(s.Cluster.Name), *s.Cluster.ID)
		if epoch := orEmpty(s.Cluster.Epoch); epoch != "" && epoch != "0" {
			cluster += ", epoch " + epoch
		}
	}
	page := [][2]string{
		{"node", fmt.Sprintf("%s (%s), hb %s", s.Name, s.ID, s.Version)},
		{"cluster", cluster},
		{"health", s.Health},
	}
	if s.Plight != nil {
		page = append(page, [2]string{"no leader", *s.Plight}, [2]string{"to do", orEmpty(s.ToDo)})
	}
	page = append(page, [][2]string{
		{"members", fmt.Sprintf("%d alive of %d", s.MembersAlive, s.Members)},
		{"role", s.Role},
		{"leader", leader},
		{"voters", votersLine(s)},
		{"log", fmt.Sprintf("applied %s, committed %s", zeroed(s.Applied), zeroed(s.Commit))},
		{"detector", s.Detector},
		{"stress", fmt.Sprintf("%d of 1000", s.Stress)},
		{"uptime", time.Duration(s.Uptime * float64(time.Second)).Round(time.Second).String()},
	}...)
	if s.Unconfined != nil {
		page = append(page, [2]string{"no cgroups", *s.Unconfined}, [2]string{"so", runnerd.Unconfined})
	}
	for _, u := range s.Unable {
		page = append(page, [2]string{"not run", u.Text()})
	}
	if f := s.Features; f.Here > f.Cluster && len(f.HeldBackBy) > 0 {
		page = append(page, [2]string{"features", fmt.Sprintf("level %d of %d, held back by %s", f.Cluster, f.Here, strings.Join(f.HeldBackBy, ", "))})
	}
	return page
}

func votersLine(s *control.Status) string {
	if len(s.Voters) == 0 {
		return "none known"
	}
	var who []string
	for _, v := range s.Voters {
		name := orEmpty(v.Name)
		if name == "" {
			name = orEmpty(v.ID)
		}
		who = append(who, name)
	}
	if s.Plight != nil {
		return strings.Join(who, ", ") // what they could survive does not matter now
	}
	loss := fmt.Sprintf("survives the loss of %d voters", s.Survives)
	switch s.Survives {
	case 0:
		loss = "survives the loss of no voter"
	case 1:
		loss = "survives the loss of 1 voter"
	}
	return fmt.Sprintf("%s: %s", strings.Join(who, ", "), loss)
}

func zeroed(position *string) string {
	if position == nil {
		return "0"
	}
	return *position
}
