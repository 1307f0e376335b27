package control

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"hb/core"
	"hb/core/cron"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

// NewSchedule is what POST /v1/schedules takes.
type NewSchedule struct {
	Name    string `json:"name"`
	Cron    string `json:"cron"`     // five fields, @daily and the like; or empty, and
	Event   string `json:"event"`    // agreed-up, agreed-down
	Zone    string `json:"zone"`     // of cron; empty: UTC
	Overlap string `json:"overlap"`  // skip, queue, allow; empty: skip, of an event allow
	CatchUp string `json:"catch_up"` // skip, once, all; empty: once
	Replace bool   `json:"replace"`
	Spec    Spec   `json:"spec"`
}

// Schedules is the shape hb.schedules/1: what this node has applied, by name.
type Schedules struct {
	Schema    string     `json:"schema"`
	Schedules []Schedule `json:"schedules"`
}

// Schedule is the shape hb.schedule/1.
type Schedule struct {
	Schema  string  `json:"schema"`
	Name    string  `json:"name"`
	Cron    *string `json:"cron"`
	Event   *string `json:"event"`
	Zone    string  `json:"zone"`
	Overlap string  `json:"overlap"`
	CatchUp string  `json:"catch_up"`
	Paused  bool    `json:"paused"`
	// Next are the times at which it will be due; none when it is paused, or
	// waits for an event.
	Next    []time.Time `json:"next"`
	Set     *time.Time  `json:"set"`
	Fired   uint64      `json:"fired"`
	Skipped uint64      `json:"skipped"`
	Last    *time.Time  `json:"last"` // when the last task was made
	Task    *string     `json:"task"` // that task
	Spec    Spec        `json:"spec"`
}

// nextTimes is how many times that will be due are told.
const nextTimes = 5

// isScheduleName says whether a name is of letters, digits and, but for the first,
// dots, dashes and underscores; at most 100.
func isScheduleName(name string) bool {
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", c)) {
			return false
		}
	}
	return name != "" && len(name) <= 100
}

// scheduleOf checks what a client wants done again and again.
func scheduleOf(want *NewSchedule) (*wire.Schedule, error) {
	sc := &wire.Schedule{Name: want.Name, Cron: want.Cron, Zone: want.Zone, Event: want.Event, Overlap: want.Overlap, CatchUp: want.CatchUp}
	switch {
	case !isScheduleName(want.Name):
		return nil, core.Faultf(core.CodeUsage, "schedule %q: a name of letters, digits, dots, dashes and underscores is meant", want.Name)
	case (want.Cron == "") == (want.Event == ""):
		return nil, core.Faultf(core.CodeUsage, "schedule %s: either a cron line or an event is meant", want.Name)
	case want.Event != "" && want.Zone != "":
		return nil, core.Faultf(core.CodeUsage, "schedule %s: an event has no time zone", want.Name)
	case want.Event != "" && want.CatchUp != "":
		return nil, core.Faultf(core.CodeUsage, "schedule %s: no event of the log is missed, so there is nothing to catch up", want.Name)
	case want.Spec.Key != "" || want.Spec.Task != nil:
		return nil, core.Faultf(core.CodeUsage, "schedule %s: a task with a key or an ID is made once, a schedule makes many", want.Name)
	}
	if sc.Overlap == "" {
		if sc.Overlap = ledger.OverlapSkip; sc.Event != "" {
			sc.Overlap = ledger.OverlapAllow
		}
	}
	if sc.CatchUp == "" {
		sc.CatchUp = ledger.CatchUpOnce
	}
	if fault := knownWords(sc); fault != nil {
		return nil, fault
	}
	if sc.CatchUp == ledger.CatchUpAll && sc.Overlap == ledger.OverlapSkip {
		return nil, core.Faultf(core.CodeUsage, "schedule %s: to catch up all while overlaps are skipped would make one", want.Name).
			WithHint("--overlap queue makes them one after the other")
	}
	if sc.Cron != "" {
		if _, err := cron.Parse(sc.Cron, sc.Zone); err != nil {
			return nil, err
		}
		sc.Cron = cron.Plain(sc.Cron)
	}
	spec, fault := specOf(&want.Spec)
	if fault != nil {
		return nil, fault
	}
	sc.Spec = spec
	return sc, nil
}

// knownWords refuses words that mean nothing.
func knownWords(sc *wire.Schedule) *core.Fault {
	for _, w := range []struct {
		what, word string
		known      []string
	}{
		{"overlap", sc.Overlap, []string{ledger.OverlapSkip, ledger.OverlapQueue, ledger.OverlapAllow}},
		{"catch-up", sc.CatchUp, []string{ledger.CatchUpSkip, ledger.CatchUpOnce, ledger.CatchUpAll}},
		{"event", sc.Event, append(ledger.ScheduleEvents(), "")},
	} {
		if !slices.Contains(w.known, w.word) {
			return core.Faultf(core.CodeUsage, "schedule %s: %s %q: there is %s", sc.Name, w.what, w.word, strings.TrimSuffix(strings.Join(w.known, ", "), ", "))
		}
	}
	return nil
}

func (s server) addSchedule(r *http.Request) (any, error) {
	var want NewSchedule
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	sc, err := scheduleOf(&want)
	if err != nil {
		return nil, err
	}
	if err := s.placeable(r.Context(), sc.Spec); err != nil {
		return nil, err
	}
	set := &wire.SetSchedule{Schedule: sc, Replace: want.Replace}
	if _, err := s.changeSchedule(r, &wire.Command{Body: &wire.Command_SetSchedule{SetSchedule: set}}); err != nil {
		return nil, err
	}
	return s.oneSchedule(r.Context(), sc.Name)
}

func (s server) changeSchedule(r *http.Request, c *wire.Command) (any, error) {
	return one[empty](r.Context(), s, node.ChangeSchedule{Command: c})
}

func (s server) schedules(r *http.Request) (any, error) {
	v, err := one[node.SchedulesView](r.Context(), s, node.ListSchedules{})
	out := Schedules{Schema: "hb.schedules/1", Schedules: []Schedule{}}
	for _, sc := range v.Schedules {
		out.Schedules = append(out.Schedules, shownSchedule(sc, time.Now()))
	}
	return out, err
}

func (s server) schedule(r *http.Request) (any, error) {
	return s.oneSchedule(r.Context(), r.PathValue("name"))
}

func (s server) oneSchedule(ctx context.Context, name string) (any, error) {
	v, err := one[node.SchedulesView](ctx, s, node.ListSchedules{Name: name})
	if err != nil {
		return nil, err
	}
	if len(v.Schedules) != 1 {
		return nil, core.Faultf(core.CodeInternal, "the node answered with %d schedules", len(v.Schedules))
	}
	return shownSchedule(v.Schedules[0], time.Now()), nil
}

func (s server) pauseSchedule(r *http.Request) (any, error)  { return s.setPause(r, true) }
func (s server) resumeSchedule(r *http.Request) (any, error) { return s.setPause(r, false) }

func (s server) setPause(r *http.Request, on bool) (any, error) {
	pause := &wire.PauseSchedule{Name: r.PathValue("name"), On: on}
	return s.changeSchedule(r, &wire.Command{Body: &wire.Command_PauseSchedule{PauseSchedule: pause}})
}

func (s server) removeSchedule(r *http.Request) (any, error) {
	drop := &wire.DropSchedule{Name: r.PathValue("name")}
	return s.changeSchedule(r, &wire.Command{Body: &wire.Command_DropSchedule{DropSchedule: drop}})
}

// runSchedule makes the task of a schedule now.
func (s server) runSchedule(r *http.Request) (any, error) {
	var want retryBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	id := MintTask()
	if want.Task != "" {
		var err error
		if id, err = core.ParseTaskID(want.Task); err != nil {
			return nil, core.Faultf(core.CodeUsage, "%v", err)
		}
	}
	fire := &wire.Fire{Name: r.PathValue("name"), Task: id[:]}
	v, err := one[node.Submitted](r.Context(), s, node.ChangeSchedule{Command: &wire.Command{Body: &wire.Command_Fire{Fire: fire}}})
	return submittedOf(v), err
}

// shownSchedule gives a schedule, and when it will be due from a moment on.
func shownSchedule(sc *wire.Schedule, now time.Time) Schedule {
	out := Schedule{
		Schema: "hb.schedule/1", Name: sc.Name, Cron: text(sc.Cron), Event: text(sc.Event), Zone: sc.Zone,
		Overlap: sc.Overlap, CatchUp: sc.CatchUp, Paused: sc.Paused, Next: []time.Time{},
		Set: wallTime(sc.SetNanos), Fired: sc.Fired, Skipped: sc.Skipped, Last: wallTime(sc.FiredNanos),
		Task: known(taskID(sc.Task), len(sc.Task) > 0), Spec: specFrom(sc.Spec),
	}
	if out.Zone == "" {
		out.Zone = "UTC"
	}
	line, err := cron.Parse(sc.Cron, sc.Zone)
	if err != nil || sc.Paused {
		return out
	}
	at, ever := line.Next(max(now.UnixNano(), sc.LastNanos))
	for ; ever && len(out.Next) < nextTimes; at, ever = line.Next(at) {
		out.Next = append(out.Next, time.Unix(0, at).UTC())
	}
	return out
}

// specFrom gives a task's content in the words in which it is asked for.
func specFrom(w *wire.Spec) Spec {
	return Spec{
		Name: w.Name, Argv: list(w.Argv), Args: list(w.Args), Env: list(w.Env), Cwd: w.Cwd, On: w.On, Where: list(w.Where),
		Once: w.Once, Rerun: (w.On != "" || w.All) && !w.Once, Retries: w.Retries, TimeLimit: time.Duration(w.TimeLimitNanos).Seconds(),
		Priority: priorityOf(w.Priority), Weight: w.Weight, Keep: time.Duration(w.KeepNanos).Seconds(), NoQueue: w.NoQueue,
		Prefer: w.Prefer, Exclusive: w.Exclusive, Array: w.Array, All: w.All, Parallel: w.Parallel,
		MaxFailures: w.MaxFailures, SkipDown: w.SkipDown, Stdin: w.Stdin, OnFailure: w.OnFailure,
	}
}

func schedulePath(name, rest string) string { return "/v1/schedules/" + url.PathEscape(name) + rest }

// AddSchedule takes in a schedule. The same definition again changes nothing.
func (c *Client) AddSchedule(ctx context.Context, s NewSchedule) (*Schedule, error) {
	return persist(ctx, c, func() (*Schedule, error) { return post[Schedule](ctx, c, "/v1/schedules", s) })
}

// Schedules lists those that the node knows.
func (c *Client) Schedules(ctx context.Context) (*Schedules, error) {
	return get[Schedules](ctx, c, "/v1/schedules")
}

// Schedule gives one.
func (c *Client) Schedule(ctx context.Context, name string) (*Schedule, error) {
	return get[Schedule](ctx, c, schedulePath(name, ""))
}

// ChangeSchedule does to a schedule what the word says: pause, resume or remove.
func (c *Client) ChangeSchedule(ctx context.Context, name, word string) error {
	_, err := post[empty](ctx, c, schedulePath(name, "/"+word), nil)
	return err
}

// RunSchedule makes the task of a schedule now, under an ID minted here.
func (c *Client) RunSchedule(ctx context.Context, name string) (*Submitted, error) {
	body := retryBody{Task: MintTask().String()}
	return persist(ctx, c, func() (*Submitted, error) { return post[Submitted](ctx, c, schedulePath(name, "/run"), body) })
}
