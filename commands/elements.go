package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hb/commands/render"
	"hb/core"
	"hb/core/control"
	"hb/core/ledger"
)

// elementsAtOnce is of how many elements the output is read at the same time.
const elementsAtOnce = 32

// elements is the output of a task with elements on its way to the terminal.
type elements struct {
	c      *call
	mutex  sync.Mutex
	folded map[string]*bytes.Buffer // by label, with --fold
	ends   map[string]string        // how those ended that did not succeed, likewise
	failed error
	short  bool // some of the output was missing
}

// awaitElements prints what the elements of a task print, each line with the
// name of its node (or the number of its element) in front, and gives the worst
// exit code as an error.
func awaitElements(ctx context.Context, c *call, client *control.Client, id string) error {
	defer c.sayWhyQueued(ctx, client, id)()
	out := &elements{c: c, folded: map[string]*bytes.Buffer{}, ends: map[string]string{}}
	task, err := client.Task(ctx, id)
	if err == nil && !c.quiet && !c.isJSON() {
		out.follow(ctx, client, task)
		err = errors.Join(out.failed, out.printFolded())
	}
	if err == nil {
		task, err = client.WaitTask(ctx, id)
	}
	if err != nil {
		return waitFault(ctx, id, err)
	}
	if c.isJSON() {
		if err := render.JSON(c.stdout, task); err != nil {
			return err
		}
	}
	tellMissing(c, task)
	return verdictOn(task, !out.short)
}

// tellMissing names the members that a task for all could not reach.
func tellMissing(c *call, task *control.Task) {
	for _, m := range task.Missing {
		since := ""
		if m.Since != nil && m.Why == ledger.Down {
			since = " " + ago(time.Since(*m.Since))
		}
		if !c.quiet {
			fmt.Fprintf(c.stderr, "not reached: %s (%s%s)\n", render.Safe(m.Node), m.Why, since)
		}
	}
}

// ago is a duration as people say it.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// follow reads the output of all elements until they have ended.
func (o *elements) follow(ctx context.Context, client *control.Client, task *control.Task) {
	slots := make(chan struct{}, elementsAtOnce)
	var all sync.WaitGroup
	for _, e := range task.Elements {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			o.followOne(ctx, client, fmt.Sprintf("%s.%d", task.ID, e.N), labelOf(task, e))
		})
	}
	all.Wait()
}

// labelOf is what stands before the lines of an element.
func labelOf(task *control.Task, e control.Element) string {
	if task.All && e.Node != nil {
		return *e.Node
	}
	return strconv.Itoa(int(e.N))
}

func (o *elements) followOne(ctx context.Context, client *control.Client, id, label string) {
	var rest [2][]byte // of a line that has not ended, by stream
	var end tails
	print := func(piece *control.Output) error {
		end.add(piece)
		o.mutex.Lock()
		o.c.warnOfGap(piece)
		o.mutex.Unlock()
		stream := 0
		if piece.Stream == "stderr" {
			stream = 1
		}
		data := append(rest[stream], piece.Data...)
		end := bytes.LastIndexByte(data, '\n') + 1
		rest[stream] = bytes.Clone(data[end:])
		return o.write(label, stream, data[:end])
	}
	task, err := client.Output(ctx, id, true, print)
	if err == nil {
		err = end.complete(task, print)
	}
	for stream, line := range rest {
		if len(line) > 0 {
			err = errors.Join(err, o.write(label, stream, append(line, '\n')))
		}
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if err == nil {
		end.warn(o.c, task)
		o.short = o.short || !end.whole(task)
	}
	switch {
	case err != nil:
		o.failed = errors.Join(o.failed, err)
	case task.Result != nil && task.Result.Error != nil:
		o.tell(label, "cannot run: "+*task.Result.Error)
	case task.Exit == nil || *task.Exit != 0:
		o.tell(label, task.Status+exitWords(task))
	}
}

// tell says how an element ended that did not succeed, or keeps it to be folded.
func (o *elements) tell(label, end string) {
	if o.c.Bool("fold") {
		o.ends[label] = end
		return
	}
	fmt.Fprintf(o.c.stderr, "%s: %s\n", render.Safe(label), render.Safe(end))
}

func exitWords(t *control.Task) string {
	if t.Exit == nil {
		return ""
	}
	return fmt.Sprintf(", exit %d", *t.Exit)
}

// write prints whole lines, or keeps them to be folded.
func (o *elements) write(label string, stream int, lines []byte) error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.c.Bool("fold") {
		if o.folded[label] == nil {
			o.folded[label] = &bytes.Buffer{}
		}
		o.folded[label].Write(lines)
		return nil
	}
	into := o.c.stdout
	if stream == 1 {
		into = checked{o.c.stderr}
	}
	for line := range bytes.Lines(lines) {
		if _, err := fmt.Fprintf(into, "%s: %s", render.Safe(label), line); err != nil {
			return err
		}
	}
	return nil
}

// printFolded prints equal outputs once, with the names of all that have it, and
// equal failures likewise.
func (o *elements) printFolded() error {
	texts := map[string]string{}
	for label, text := range o.folded { // sorted below
		texts[label] = text.String()
	}
	for _, g := range foldTexts(texts) {
		for line := range strings.Lines(g[1]) {
			if _, err := fmt.Fprintf(o.c.stdout, "%s: %s", render.Safe(g[0]), line); err != nil {
				return err
			}
		}
	}
	for _, g := range foldTexts(o.ends) {
		fmt.Fprintf(o.c.stderr, "%s: %s\n", render.Safe(g[0]), render.Safe(g[1]))
	}
	return nil
}

// foldTexts gives each text once, behind the names that have it.
func foldTexts(texts map[string]string) (groups [][2]string) {
	byText := map[string][]string{}
	for label, text := range texts { // sorted below
		byText[text] = append(byText[text], label)
	}
	for text, labels := range byText { // sorted below
		head := foldNames(labels)
		if len(labels) > 1 {
			head += fmt.Sprintf(" (%d)", len(labels))
		}
		groups = append(groups, [2]string{head, text})
	}
	slices.SortFunc(groups, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return groups
}

// foldNames writes names that differ in the number at their end as ranges:
// web[1-3,7],db1.
func foldNames(names []string) string {
	numbers := map[string][]int{} // by what stands before the number
	var plain, prefixes []string
	for _, name := range names {
		prefix := strings.TrimRight(name, "0123456789")
		n, err := strconv.Atoi(name[len(prefix):])
		if err != nil || strconv.Itoa(n) != name[len(prefix):] { // none, or with zeros in front
			plain = append(plain, name)
			continue
		}
		if numbers[prefix] == nil {
			prefixes = append(prefixes, prefix)
		}
		numbers[prefix] = append(numbers[prefix], n)
	}
	for _, prefix := range prefixes {
		plain = append(plain, prefix+ranges(numbers[prefix], prefix != ""))
	}
	slices.Sort(plain)
	return strings.Join(plain, ",")
}

// ranges writes numbers as 1-3,7, in brackets where there is more than one.
func ranges(numbers []int, brackets bool) string {
	slices.Sort(numbers)
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] <= numbers[j]+1 {
			j++
		}
		part := strconv.Itoa(numbers[i])
		if j > i {
			part += "-" + strconv.Itoa(numbers[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	text := strings.Join(parts, ",")
	if brackets && len(numbers) > 1 {
		return "[" + text + "]"
	}
	return text
}

// parseArray reads --array: 1-N.
func parseArray(word string) (uint32, error) {
	if word == "" {
		return 0, nil
	}
	last, is := strings.CutPrefix(word, "1-")
	n, err := strconv.ParseUint(last, 10, 32)
	if err != nil || !is || n == 0 {
		return 0, usage("--array %s: 1-N is meant", word)
	}
	return uint32(n), nil
}

// parseMaxFailures reads --max-failures: a number of one or more, or all.
func parseMaxFailures(word string) (int32, error) {
	switch word {
	case "":
		return 0, nil
	case "all":
		return -1, nil
	}
	n, err := strconv.ParseInt(word, 10, 32)
	if err != nil || n < 1 {
		return 0, usage("--max-failures %s: a number from 1 on, or all", word)
	}
	return int32(n), nil
}

// maxStdin bounds what travels with a task.
const maxStdin = 12 << 10

// readStdin reads what is to be the task's standard input.
func readStdin(c *call) ([]byte, error) {
	buf := make([]byte, maxStdin+1)
	n := 0
	for n < len(buf) {
		k, err := c.App.Reader.Read(buf[n:])
		n += k
		if err != nil {
			break
		}
	}
	if n > maxStdin {
		return nil, core.Faultf(core.CodeBadInput, "the input is too big: at most %d bytes travel with a task", maxStdin).
			WithHint("put it where the members can read it, and name the file")
	}
	return buf[:n], nil
}
