// Package balance is the laboratory of the choice: the leader's production
// dispatcher (core/dispatch) beside a production ledger (core/ledger), driven in
// virtual time over members of which only the speed is invented. It measures how
// long a load takes beside the least that it can take, and beside simpler ways of
// choosing. The same seed gives the same figures.
//
// # What is modelled
//
// A member has slots, each a core of its speed, and runs one task in each. Its
// speed changes when others use the machine, or when it turns slow; a task's end
// follows from the speed on its way. The log takes an entry every two
// milliseconds, news a fifth of one. Members report their load every Stale: the
// leader never knows more of them than that, and what they run and have ended.
//
// A task is a size in seconds on a core of speed 1. With known estimates its
// weight is told (times an error, if one is asked for), and members know their
// speed. With learned ones nothing is told: a task has one of ten names, each
// with a size of its own from which its runs vary by a fifth, and what members
// say of their speed is off by as much. Both are standard deviations of
// logarithms.
//
// # What it is compared with
//
// Bound is what no choice can beat (bound.go). The other policies bind each task
// to a member when it comes, as schedulers do that keep a queue on each member:
// random; round robin; the least loaded by the last reports; the less loaded of
// two members drawn at random (Mitzenmacher 2001). Their load is the tasks that a
// member has, per slot; they count none that they sent since its report.
package balance
