package control

import (
	"crypto/rand"
	"net/http"
	"time"

	"hb/core"
	"hb/core/ledger"
	"hb/core/node"
	"hb/core/wire"
)

func (s server) members(r *http.Request) (any, error) {
	agreed := false
	if r.URL.RawQuery != "" {
		var err error
		if agreed, err = yesNo(r, "agreed"); err != nil {
			return nil, err
		}
	}
	v, err := one[node.MembersView](r.Context(), s, node.GetMembers{Agreed: agreed})
	return membersOf(v), err
}

func (s server) status(r *http.Request) (any, error) {
	v, err := one[node.StatusView](r.Context(), s, node.GetStatus{})
	if err != nil {
		return nil, err
	}
	return statusOf(v, s.names(r.Context())), nil
}

func (s server) leader(r *http.Request) (any, error) {
	stale := false
	if r.URL.RawQuery != "" {
		var err error
		if stale, err = yesNo(r, "stale"); err != nil {
			return nil, err
		}
	}
	v, err := one[node.LeaderView](r.Context(), s, node.GetLeader{Stale: stale})
	return leaderOf(v), err
}

func (s server) transfer(r *http.Request) (any, error) {
	var want transferBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	var to core.NodeID
	if want.To != "" {
		var err error
		if to, err = s.resolve(r.Context(), want.To); err != nil {
			return nil, err
		}
	}
	v, err := one[node.LeaderView](r.Context(), s, node.TransferLeader{To: to})
	return leaderOf(v), err
}

func (s server) tasks(r *http.Request) (any, error) {
	q, err := s.taskQuery(r)
	if err != nil {
		return nil, err
	}
	return s.listTasks(r.Context(), q)
}

// wanted reads the task that a client describes.
func (s server) wanted(r *http.Request) (*Spec, *wire.Spec, error) {
	var want Spec
	if err := decode(r, &want); err != nil {
		return nil, nil, err
	}
	spec, fault := specOf(&want)
	if fault != nil {
		return nil, nil, fault
	}
	return &want, spec, s.placeable(r.Context(), spec)
}

// explain says how a task would be placed, and makes none.
func (s server) explain(r *http.Request) (any, error) {
	_, spec, err := s.wanted(r)
	if err != nil {
		return nil, err
	}
	v, err := one[*wire.Explained](r.Context(), s, node.ExplainTask{Spec: spec})
	if err != nil {
		return nil, err
	}
	return explanationOf(v), nil
}

func (s server) submit(r *http.Request) (any, error) {
	want, spec, err := s.wanted(r)
	if err != nil {
		return nil, err
	}
	id := MintTask()
	if want.Task != nil {
		if id, err = core.ParseTaskID(*want.Task); err != nil {
			return nil, core.Faultf(core.CodeUsage, "%v", err)
		}
	}
	v, err := one[node.Submitted](r.Context(), s, node.SubmitTask{Task: id, Spec: spec})
	return submittedOf(v), err
}

// MintTask makes the ID of a new task.
func MintTask() core.TaskID {
	var random [10]byte
	rand.Read(random[:])
	return core.MintTaskID(time.Now().UnixMilli(), random)
}

func (s server) task(r *http.Request) (any, error) {
	return s.aboutTask(r, func(id core.TaskID) node.Request { return node.GetTask{Task: id} })
}

func (s server) waitTask(r *http.Request) (any, error) {
	return s.aboutTask(r, func(id core.TaskID) node.Request { return node.WaitTask{Task: id} })
}

func (s server) cancel(r *http.Request) (any, error) {
	return s.aboutTask(r, func(id core.TaskID) node.Request { return node.CancelTask{Task: id} })
}

// retry submits a task that has ended once more.
func (s server) retry(r *http.Request) (any, error) {
	var want retryBody
	if err := decode(r, &want); err != nil {
		return nil, err
	}
	id, err := pathTask(r)
	if err != nil {
		return nil, err
	}
	as := MintTask()
	if want.Task != "" {
		if as, err = core.ParseTaskID(want.Task); err != nil {
			return nil, core.Faultf(core.CodeUsage, "%v", err)
		}
	}
	v, err := one[node.Submitted](r.Context(), s, node.RetryTask{Task: id, As: as})
	return submittedOf(v), err
}

type retryBody struct {
	Task string `json:"task"`
}

func (s server) aboutTask(r *http.Request, ask func(core.TaskID) node.Request) (any, error) {
	id, err := pathTask(r)
	if err != nil {
		return nil, err
	}
	t, err := one[*wire.Task](r.Context(), s, ask(id))
	if err != nil {
		return nil, err
	}
	who := s.names(r.Context())
	out := taskOf(t, who, s.running(r.Context(), t))
	if t.Status == ledger.Queued { // without a leader nobody knows why
		if v, err := one[*wire.Explained](r.Context(), s, node.ExplainTask{Spec: t.Spec, Task: core.TaskID(t.Id)}); err == nil {
			out.Waiting, out.Candidates = text(v.Waits), explanationOf(v).Candidates
		}
	}
	if t.Elements > 0 {
		v, err := one[node.TasksView](r.Context(), s, node.ListElements{Task: core.TaskID(t.Id)})
		if err != nil {
			return nil, err
		}
		out.Elements = elementsOf(v, who, s.running(r.Context(), v.Tasks...))
	}
	return out, nil
}

// pathTask reads the task's ID; one that cannot be an ID is simply one that
// nobody knows.
func pathTask(r *http.Request) (core.TaskID, error) {
	word := r.PathValue("id")
	id, err := parseTask(word)
	if err != nil {
		return id, core.Faultf(core.CodeUnheard, "nobody knows a task %q", word).WithHint("hb tasks lists them")
	}
	return id, nil
}

func (s server) appendNote(r *http.Request) (any, error) {
	b, err := body(r, maxNote)
	if err != nil {
		return nil, err
	}
	v, err := one[node.Appended](r.Context(), s, node.AppendNote{Text: b})
	return Appended{Index: number(v.Index)}, err
}

func (s server) wait(r *http.Request) (any, error) {
	var await node.Await
	for _, word := range r.URL.Query()["for"] {
		c, err := ParseCondition(word)
		if err != nil {
			return nil, err
		}
		await.Conditions = append(await.Conditions, c)
	}
	if len(await.Conditions) == 0 {
		return nil, core.Faultf(core.CodeUsage, "nothing to wait for").WithHint("a condition is %s", conditionForms)
	}
	return one[empty](r.Context(), s, await)
}

func (s server) leave(r *http.Request) (any, error) {
	return one[empty](r.Context(), s, node.Leave{})
}

func (s server) nothing(r *http.Request) (any, error) {
	return nil, core.Faultf(core.CodeUnheard, "the local API has no %s %s", r.Method, r.URL.Path).
		WithHint("hb(1) lists what it has")
}

type transferBody struct {
	To string `json:"to"`
}
