package control

import "net/http"

// route is what a path does, and what its caller must be allowed.
type route struct {
	right  Right
	handle http.Handler
}

// routes is all that the API has. Nothing is served that is not in it.
func (s server) routes() map[string]route {
	return map[string]route{
		"GET /v1/members":            {Read, handler(s.members)},
		"GET /v1/status":             {Read, handler(s.status)},
		"GET /v1/leader":             {Read, handler(s.leader)},
		"POST /v1/leader/transfer":   {Admin, handler(s.transfer)},
		"GET /v1/tasks":              {Read, handler(s.tasks)},
		"POST /v1/tasks":             {Submit, handler(s.submit)},
		"GET /v1/tasks/defined":      {Read, handler(s.defined)},
		"GET /v1/tasks/{id}":         {Read, handler(s.task)},
		"GET /v1/tasks/{id}/wait":    {Read, handler(s.waitTask)},
		"GET /v1/tasks/{id}/output":  {Read, s.stream(s.output)},
		"POST /v1/tasks/{id}/cancel": {Submit, handler(s.cancel)},
		"POST /v1/tasks/{id}/retry":  {Submit, handler(s.retry)},
		"POST /v1/explain":           {Read, handler(s.explain)},
		"POST /v1/drain":             {Admin, handler(s.drain)},
		"POST /v1/resume":            {Admin, handler(s.resume)},
		"GET /v1/events":             {Read, s.stream(s.events)},
		"GET /v1/log":                {Read, s.stream(s.log)},
		"POST /v1/log":               {Submit, handler(s.appendNote)},
		"GET /v1/log/positions":      {Read, handler(s.positions)},
		"POST /v1/probe":             {Read, handler(s.probe)},
		"POST /v1/probe/mesh":        {Read, handler(s.probeMesh)},
		"GET /v1/wait":               {Read, handler(s.wait)},
		"POST /v1/tags":              {Admin, handler(s.tags)},
		"POST /v1/leave":             {Admin, handler(s.leave)},
		"GET /v1/voters":             {Read, handler(s.voters)},
		"POST /v1/voters":            {Admin, handler(s.setVoters)},
		"POST /v1/voters/vote":       {Admin, handler(s.setVote)},
		"POST /v1/forget":            {Admin, handler(s.forget)},
		"GET /v1/keys":               {Read, handler(s.keys)},
		"POST /v1/keys/rotate":       {Admin, handler(s.rotateKeys)},
		"GET /v1/snapshot":           {Admin, http.HandlerFunc(s.snapshot)},

		"GET /v1/locks":          {Read, handler(s.locks)},
		"POST /v1/locks":         {Submit, s.stream(s.lock)},
		"POST /v1/locks/release": {Submit, handler(s.releaseLock)},
		"POST /v1/leader/run":    {Submit, s.stream(s.leaderRun)},

		"GET /v1/tokens":              {Admin, handler(s.tokens)},
		"POST /v1/tokens":             {Admin, handler(s.addToken)},
		"POST /v1/tokens/{id}/revoke": {Admin, handler(s.revokeToken)},

		"GET /v1/schedules":                {Read, handler(s.schedules)},
		"POST /v1/schedules":               {Submit, handler(s.addSchedule)},
		"GET /v1/schedules/{name}":         {Read, handler(s.schedule)},
		"POST /v1/schedules/{name}/run":    {Submit, handler(s.runSchedule)},
		"POST /v1/schedules/{name}/pause":  {Submit, handler(s.pauseSchedule)},
		"POST /v1/schedules/{name}/resume": {Submit, handler(s.resumeSchedule)},
		"POST /v1/schedules/{name}/remove": {Submit, handler(s.removeSchedule)},

		"GET /metrics":         {Read, http.HandlerFunc(s.metrics)},
		"GET /v1/openapi.json": {Read, http.HandlerFunc(s.described)},

		"/": {Read, handler(s.nothing)},
	}
}
