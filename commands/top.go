package commands

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"hb/core/control"
)

func topCommand() *cli.Command {
	return &cli.Command{
		Name:  "top",
		Usage: "show the cluster live",
		Description: `Shows the cluster as this node sees it, again and again: who leads, how far the
log is, how many tasks wait and run, and each member with its stress (0 idle, 1000
saturated), round trip, tasks (running/slots) and how many entries of the log it
has still to apply; below, what has happened lately, tasks left out (hb events
tells all), and, where there is room, the tasks submitted last.

q leaves, ? explains the other keys. It draws in place, fits any size of terminal,
and goes on when the node is started again. Where the output is no terminal it
prints one page, with --count or --for page after page; so it does with TERM=dumb,
until it is ended.`,
		Flags: append([]cli.Flag{
			&cli.DurationFlag{Name: "every", Value: time.Second, Usage: "ask again after `DURATION`"},
			&cli.StringFlag{Name: "sort", Value: "name", Usage: "begin sorted by `COLUMN`: " + strings.Join(topSorts(), ", ")},
		}, streamFlags()...),
		Action: plainWords(0, runTop),
	}
}

func runTop(c *call) error {
	v := &topView{c: c, selected: -1, wide: isUTF8()}
	if v.sort = c.String("sort"); !slices.Contains(topSorts(), v.sort) {
		return usage("--sort %s: there is %s", v.sort, strings.Join(topSorts(), ", "))
	}
	every := c.Duration("every")
	if every < 100*time.Millisecond {
		return usage("--every %v: at least 100ms", every)
	}
	if c.form == "plain" {
		return usage("-o plain: hb members and hb status have lines for programs; hb top has -o json")
	}
	return c.live(v, every)
}

// topSorts are the columns that the members can be sorted by.
func topSorts() []string { return []string{"name", "status", "stress", "rtt", "tasks", "lag"} }

// historyKept is how many rates are kept for the plots.
const historyKept = 60

// eventsShown is how many events are kept to be shown.
const eventsShown = 100

// tasksShown is how many tasks are.
const tasksShown = 30

// topView is the cluster as it was last seen.
type topView struct {
	c        *call
	sort     string
	selected int // a row; below 0: none
	help     bool
	wide     bool // the terminal shows more than ASCII
	gone     error
	since    time.Time // when it went

	at      time.Time
	status  *control.Status
	members []control.Member
	tasks   []control.TaskRow // submitted last
	rates   rates

	following sync.Once
	mutex     sync.Mutex // of events, which come by themselves
	events    []control.Event
}

// rates are how fast something grows, newest last.
type rates struct{ tasks, entries []float64 }

// look asks for both lists at once, and begins to follow the events.
func (v *topView) look(ctx context.Context, client *control.Client) (func(), error) {
	status, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	list, err := client.Members(ctx)
	if err != nil {
		return nil, err
	}
	tasks := &control.Tasks{}
	if v.c.form == "table" {
		if page, err := client.TaskPage(ctx, control.TaskQuery{Newest: tasksShown}); err == nil {
			tasks = page
		}
	}
	at := time.Now()
	v.following.Do(func() { go v.follow(v.c.Context.Context, client) })
	return func() {
		if v.status != nil {
			v.rates.add(v.status, status, at.Sub(v.at))
		}
		v.at, v.status, v.members, v.tasks = at, status, list.Members, tasks.Tasks
		v.selected = min(v.selected, len(v.members)-1)
	}, nil
}

// follow keeps the last events; when it cannot, the next look says why.
func (v *topView) follow(ctx context.Context, client *control.Client) {
	q := control.EventQuery{Since: "0", Follow: true, Kinds: append(memberKinds(), "leader", "voters", "gap", "schedule-fired", "schedule-skipped", "health")}
	_ = client.Events(ctx, q, func(e *control.Event, _ control.Place) error {
		v.mutex.Lock()
		defer v.mutex.Unlock()
		if v.events = append(v.events, *e); len(v.events) > 2*eventsShown {
			v.events = append(v.events[:0], v.events[len(v.events)-eventsShown:]...)
		}
		return nil
	})
}

func (v *topView) away(err error) {
	if err != nil && v.gone == nil {
		v.since = v.at
	}
	v.gone = err
}

// add takes up how much has come since the last look. What is less than before
// was counted by another run of the node.
func (r *rates) add(before, now *control.Status, passed time.Duration) {
	tasks, entries := endedTasks(now)-endedTasks(before), position(now.Commit)-position(before.Commit)
	if tasks < 0 || entries < 0 || passed <= 0 {
		*r = rates{}
		return
	}
	push := func(list []float64, n float64) []float64 {
		list = append(list, n/passed.Seconds())
		return list[max(0, len(list)-historyKept):]
	}
	r.tasks, r.entries = push(r.tasks, tasks), push(r.entries, entries)
}

func endedTasks(s *control.Status) float64 {
	n := uint64(0)
	for _, k := range s.Tasks.Ended {
		n += k
	}
	return float64(n)
}

// press does what a key is for.
func (v *topView) press(k key) {
	if v.help {
		v.help = false
		return
	}
	switch k {
	case '?', 'h':
		v.help = true
	case 's':
		v.sort = nextWord(topSorts(), v.sort)
	default:
		v.selected = moved(k, v.selected, len(v.members))
	}
}

// moved is the row that a key leads to from another; -1 is none.
func moved(k key, row, rows int) int {
	const page = 10
	switch k {
	case 'j', keyDown:
		row++
	case 'k', keyUp:
		row--
	case keyPageDown, ' ':
		row += page
	case keyPageUp:
		row -= page
	case 'g', keyHome:
		row = 0
	case 'G', keyEnd:
		row = rows - 1
	case keyEscape:
		return -1
	default:
		return row
	}
	return max(0, min(row, rows-1))
}

// nextWord is the next of some words, the first after the last.
func nextWord(words []string, word string) string {
	for i, w := range words {
		if w == word {
			return words[(i+1)%len(words)]
		}
	}
	return words[0]
}

func topHelp() []string {
	return []string{
		"j k, arrows      choose a member and see more of it",
		"space, PgUp PgDn move by ten; g G to the ends; Esc chooses none",
		"s                sort by " + strings.Join(topSorts(), ", "),
		"^L               draw anew",
		"^Z               stop, as other programs do",
		"q, ^C            leave",
		"",
		"any key goes back",
	}
}

// doc is the cluster for programs: the shape hb.top/1. A rate is null before the
// second look.
func (v *topView) doc() any {
	last := func(list []float64) *float64 {
		if len(list) == 0 {
			return nil
		}
		return &list[len(list)-1]
	}
	return struct {
		Schema  string           `json:"schema"`
		Time    time.Time        `json:"time"`
		Status  *control.Status  `json:"status"`
		Members []control.Member `json:"members"`
		Tasks   *float64         `json:"tasks_per_second"`
		Entries *float64         `json:"entries_per_second"`
	}{"hb.top/1", v.at.UTC(), v.status, v.members, last(v.rates.tasks), last(v.rates.entries)}
}
