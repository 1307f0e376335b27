package commands

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
	"hb/core"
	"hb/core/config"
	"hb/core/ledger"
	"hb/core/recovery"
	"hb/core/store"
)

func snapshotCommand() *cli.Command {
	return &cli.Command{
		Name:  "snapshot",
		Usage: "save, look at and restore what the log means",
		Description: `A snapshot is all that the agreed log means up to one of its entries, members,
tasks and wishes, as one file with a checksum. hb keeps its own; these commands
are for copies that leave the machine.`,
		Action: action(-1, func(c *call) error { return usage("hb snapshot needs a subcommand: save, inspect or restore") }),
		Subcommands: []*cli.Command{
			{Name: "save", Usage: "save a snapshot of the running cluster", ArgsUsage: "FILE|-", Action: plainWords(1, runSnapshotSave),
				Flags:       []cli.Flag{&cli.BoolFlag{Name: "stale", Usage: "what this node has, without the consent of a majority"}},
				Description: "Saves everything that a majority had agreed on when the command began to FILE, which\nis replaced as a whole or not at all, and prints what it is; - is the standard\noutput. With --stale it needs no majority."},
			{Name: "inspect", Usage: "check a snapshot, and tell what it is", ArgsUsage: "FILE", Action: plainWords(1, runSnapshotInspect),
				Description: "Checks a snapshot's file and tells of which cluster it is, up to which entry, and\nwhat it holds. A file that was cut or changed exits 65, one of a newer hb 78."},
			{Name: "restore", Usage: "begin anew from a snapshot", ArgsUsage: "FILE", Action: plainWords(1, runSnapshotRestore),
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "data", Usage: "restore into the data directory `DIR` (default: the configuration's)"},
					&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
				},
				Description: restoreWords},
		},
	}
}

const restoreWords = `Makes a data directory, on which no node runs, that of the only voter of the
snapshot's cluster: its node, started as ever, leads at once, and others join it.
What the directory held of the same cluster is kept in before-N in it; a directory
of another cluster is refused (65).

This is for a cluster that is lost as a whole. Everything after the snapshot is
gone: where any voter's disk survives, hb recover loses less. The cluster keeps its
identity and begins a new epoch, 2^32 entries further on, so that no fence goes
back; whoever still has data of an older epoch is refused until hb recover --rejoin
has put them aside. Restore one snapshot on one machine, once: two would begin two
histories with the same fences.`

func runSnapshotSave(c *call) error {
	if len(c.words) == 0 {
		return usage("hb snapshot save needs a file, or - for the standard output")
	}
	ctx, client, done, err := c.asking()
	if err != nil {
		return err
	}
	defer done()
	file, err := client.Snapshot(ctx, c.Bool("stale"))
	if err != nil {
		return err
	}
	if c.words[0] == "-" {
		_, err := c.stdout.Write(file)
		return err
	}
	s, err := recovery.Inspect("the node's snapshot", file)
	if err != nil {
		return err
	}
	if err := replaceFile(c.words[0], file); err != nil {
		return err
	}
	s.Where = c.words[0]
	return printSnapshot(c, s)
}

// replaceFile writes a file that is there as a whole or not at all.
func replaceFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".part-")
	if err != nil {
		return fileFault(name, err)
	}
	defer os.Remove(f.Name()) // there only if something failed
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fileFault(name, err)
	}
	return nil
}

// fileFault is the fault of a file that people named.
func fileFault(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return core.Faultf(core.CodeUnheard, "%s: %v", name, err)
	case errors.Is(err, fs.ErrPermission):
		return core.Faultf(core.CodeDenied, "%s: %v", name, err)
	}
	return core.Faultf(core.CodeIO, "%s: %v", name, err)
}

func readSnapshot(c *call) (*recovery.Snapshot, error) {
	if len(c.words) == 0 {
		return nil, usage("%s needs a file", c.name())
	}
	file, err := os.ReadFile(c.words[0])
	if err != nil {
		return nil, fileFault(c.words[0], err)
	}
	return recovery.Inspect(c.words[0], file)
}

func runSnapshotInspect(c *call) error {
	s, err := readSnapshot(c)
	if err != nil {
		return err
	}
	return printSnapshot(c, s)
}

// snapshotDoc is the shape hb.snapshot/1.
type snapshotDoc struct {
	Schema      string     `json:"schema"`
	File        string     `json:"file"`
	Size        int        `json:"size_bytes"`
	Cluster     string     `json:"cluster"`
	ClusterName string     `json:"cluster_name"`
	Epoch       string     `json:"epoch"`
	Index       string     `json:"index"`
	Term        string     `json:"term"`
	Written     *time.Time `json:"written"` // when the last entry with commands was
	Voters      []string   `json:"voters"`
	Members     int        `json:"members"`
	Tasks       int        `json:"tasks"`
	Open        int        `json:"open_tasks"`
}

func docOf(s *recovery.Snapshot) snapshotDoc {
	doc := snapshotDoc{
		Schema: "hb.snapshot/1", File: s.Where, Size: s.Size, Cluster: s.Ledger.Cluster().String(), ClusterName: s.Ledger.Name(),
		Epoch: s.Ledger.Epoch().String(), Index: strconv.FormatUint(s.Index, 10), Term: strconv.FormatUint(s.Term, 10),
		Tasks: s.Ledger.Records(), Open: s.Ledger.Open(), Voters: []string{},
	}
	if wall := s.Ledger.Wall(); wall != 0 {
		at := time.Unix(0, wall).UTC()
		doc.Written = &at
	}
	for _, v := range s.Voters {
		doc.Voters = append(doc.Voters, v.Name)
	}
	for _, m := range s.Ledger.Members() {
		if m.State != ledger.Left {
			doc.Members++
		}
	}
	return doc
}

func printSnapshot(c *call, s *recovery.Snapshot) error {
	doc := docOf(s)
	written := ""
	if doc.Written != nil {
		written = doc.Written.Format(time.RFC3339)
	}
	if c.form == "table" {
		return render.Pairs(c.stdout, [][2]string{
			{"file", fmt.Sprintf("%s, %d bytes, whole", doc.File, doc.Size)},
			{"cluster", fmt.Sprintf("%s (%s), epoch %s", doc.ClusterName, doc.Cluster, doc.Epoch)},
			{"log", fmt.Sprintf("up to entry %s of term %s, written %s", doc.Index, doc.Term, written)},
			{"voters", strings.Join(doc.Voters, ", ")},
			{"members", strconv.Itoa(doc.Members)},
			{"tasks", fmt.Sprintf("%d, of which %d have not ended", doc.Tasks, doc.Open)},
		}, c.width(), c.color())
	}
	return c.print(doc, []any{doc}, &render.Table{Rows: [][]string{{
		doc.File, doc.Cluster, doc.ClusterName, doc.Epoch, doc.Index, doc.Term, written, strings.Join(doc.Voters, ","),
		strconv.Itoa(doc.Members), strconv.Itoa(doc.Tasks), strconv.Itoa(doc.Open),
	}}})
}

func runSnapshotRestore(c *call) error {
	s, err := readSnapshot(c)
	if err != nil {
		return err
	}
	dir, err := c.dataDir()
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s becomes the only voter's directory of cluster %s, as of entry %d: everything after it is gone.", dir, s.Ledger.Name(), s.Index)
	if err := c.confirm(what); err != nil {
		return err
	}
	files, err := store.OS(dir)
	if err != nil {
		return err
	}
	done, err := s.Restore(files, newRand())
	if err != nil {
		return err
	}
	return c.recovered(dir, done.Kept, done.Epoch, done.Index)
}

// recovered tells what became of a data directory.
func (c *call) recovered(dir, kept string, epoch core.Epoch, index uint64) error {
	if c.isJSON() {
		return render.JSON(c.stdout, struct {
			Schema string  `json:"schema"`
			Data   string  `json:"data"`
			Kept   *string `json:"kept"`
			Epoch  string  `json:"epoch"`
			Index  string  `json:"index"`
		}{"hb.recovered/1", dir, knownText(kept), epoch.String(), strconv.FormatUint(index, 10)})
	}
	_, err := fmt.Fprintf(c.stdout, "%s is of epoch %s, which begins at entry %d; start its node\n", render.Safe(dir), epoch, index)
	if err == nil && kept != "" {
		_, err = fmt.Fprintf(c.stdout, "what it held is in %s\n", render.Safe(kept))
	}
	return err
}

func knownText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// dataDir is the data directory of the node that is meant: --data, the
// configuration's, or the user's default.
func (c *call) dataDir() (string, error) {
	if dir := c.String("data"); dir != "" {
		return filepath.Abs(dir)
	}
	conf, err := c.loadConfig()
	if err != nil {
		return "", err
	}
	if conf.Node.Data != "" {
		return conf.Node.Data, nil
	}
	return config.DefaultData(os.Getuid(), os.Getenv), nil
}

// newRand is a generator that nobody else has the seed of.
func newRand() *mrand.Rand {
	var seed [16]byte
	rand.Read(seed[:])
	return mrand.New(mrand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])))
}
