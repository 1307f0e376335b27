package sim

import (
	"testing"

	"hb/core/node"
	"hb/core/wire"
)

// Whoever follows a task that is queued asks for output that is not there yet,
// as soon as it is granted. The answer, that there is none, may be overtaken by
// the news that the task has ended.
func TestWhoFollowsAShortTaskSeesAllThatItPrinted(t *testing.T) {
	for seed := range uint64(4) {
		w := cluster(t, seed, 3)
		var followers []*Call
		for i := range 100 {
			id, c := w.Submit(i%3, Work, "1ms", "out=hello")
			answer[node.Submitted](t, w, c)
			followers = append(followers, w.Ask((i+1)%3, node.FollowOutput{Task: id, Follow: true}))
			if i%20 == 0 {
				w.Submit(0, Work, "100ms")
			}
		}
		for i, out := range followers {
			answer[*wire.Task](t, w, out)
			if o, ok := out.Replies[0].(node.Output); !ok || string(o.Data) != "hello" {
				t.Fatalf("seed %d, task %d: the first answer is %+v", seed, i, out.Replies[0])
			}
		}
	}
}
