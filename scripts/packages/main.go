// Command packages makes a .deb and a .rpm of a tree of files as it is to stand on a
// machine; scripts/release calls it. It is a module of its own, so that hb does not
// depend on what it needs.
package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

func main() {
	if len(os.Args) != 7 {
		fmt.Fprintln(os.Stderr, "usage: packages TREE SCRIPTS VERSION ARCH SECONDS DIR")
		os.Exit(64)
	}
	seconds, err := strconv.ParseInt(os.Args[5], 10, 64)
	if err == nil {
		err = pack(os.Args[1], os.Args[2], os.Args[3], os.Args[4], time.Unix(seconds, 0).UTC(), os.Args[6])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

// pack writes both packages into a directory. Every time in them is the given one.
func pack(tree, scripts, version, arch string, at time.Time, dir string) error {
	for _, kind := range []string{"deb", "rpm"} {
		contents, err := contentsOf(tree, at)
		if err != nil {
			return err
		}
		info := nfpm.WithDefaults(&nfpm.Info{
			Name: "hb", Version: version, Arch: arch, Platform: "linux", Release: "1", MTime: at,
			Section: "admin", Priority: "optional",
			Maintainer: "the authors of hb <hb@localhost>",
			Description: "one cluster of a handful of machines\n" +
				"hb finds a number of Linux machines, knows who is alive, agrees on who leads, keeps one\n" +
				"durable log, and runs each task given to it on the best machine, losing none.",
			Overridables: nfpm.Overridables{
				Contents: contents,
				Scripts: nfpm.Scripts{
					PostInstall: filepath.Join(scripts, "postinstall"),
					PreRemove:   filepath.Join(scripts, "preremove"),
					PostRemove:  filepath.Join(scripts, "postremove"),
				},
				RPM: nfpm.RPM{BuildHost: "hb"},
			},
		})
		packager, err := nfpm.Get(kind)
		if err != nil {
			return err
		}
		if err := write(packager, info, filepath.Join(dir, packager.ConventionalFileName(info))); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

// contentsOf lists the files of a tree, which belong to root.
func contentsOf(tree string, at time.Time) (contents files.Contents, err error) {
	err = filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to, err := filepath.Rel(tree, path)
		contents = append(contents, &files.Content{Source: path, Destination: "/" + to, FileInfo: &files.ContentFileInfo{
			Mode: info.Mode().Perm(), Owner: "root", Group: "root", MTime: at, Size: info.Size(),
		}})
		return err
	})
	return contents, err
}

func write(packager nfpm.Packager, info *nfpm.Info, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := packager.Package(info, f); err != nil {
		f.Close()
		return err
	}
	fmt.Println(filepath.Base(path))
	return f.Close()
}
